"""Whatever a person may type wrongly: a second, one paragraph, exit status 2, and nothing left behind."""

import json
import os
import shlex
import subprocess
import sys

import pytest
import torch

MALFORMED = [
    # The command, and what the paragraph must say.
    ("model=resent", "resent", "Did you mean 'resnet'"),
    ("modle=resnet", "modle", "Did you mean 'model'"),
    ("optimizer.lrr=1", "optimizer.lrr=1", "Did you mean 'lr'"),
    ("+optimiser.lr=3", "optimiser", "Did you mean 'optimizer'"),
    ("optimizer.lr=fast", "optimizer.lr=fast", "a number"),
    ("trainer.max_epochs=ten", "trainer.max_epochs=ten", "an integer of at least 1"),
    ("trainer.max_epochs=-1", "trainer.max_epochs=-1", "at least 1"),
    ("data.batch_size=0", "data.batch_size=0", "at least 1"),
    ("optimizer=[adam,sgd]", "optimizer=[adam,sgd]", "--multirun optimizer=adam,sgd"),
    ("regularization=[dropout,dropuot]", "dropuot", "Did you mean 'dropout'"),
    ("monitor=val/acuracy", "monitor=val/acuracy", "Did you mean 'val/accuracy'"),
    ("data=csv", "data.path", "data.path=...", "show data/csv"),
    ("data=csv data.path=table.csv", "data.target"),
    ("data=csv data.path=table.csv optimizer.lrr=0.1", "error: optimizer.lrr=0.1", "Did you mean 'lr'"),
    ("data=csv optimizer.lrr=0.1", "error: optimizer.lrr=0.1", "Did you mean 'lr'"),
    ("data=csv data.path.x=1 data.target=price", "error: data.path.x=1: data.path is a value"),
    ("data=csv data.path=table.csv data.tarhet=price", "error: data.tarhet=price", "Did you mean 'target'"),
    ("--config-dir references optimizer=environment optimizer.lr=1 seeed=3", "seeed=3", "Did you mean 'seed'"),
    ("--config-dir references optimizer=environment optimizer.lr=1 optimizer.lrr=3", "error: optimizer.lrr=3"),
    ("--config-dir broken optimizer=mine", "broken/optimizer/mine.yaml", "not valid YAML in line"),
    ("optimizer._target_=os.system", "os.system", "trusted"),
    pytest.param(
        ("trainer.device=cuda", "trainer.device=cuda", "Available: cpu"),
        marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is one here"),
    ),
    ("trainer.clip_norm=0", "trainer.clip_norm=0", "greater than 0"),
    ("loss=mse", "loss=mse", "regression", "loss=auto"),
    ("data=diabetes loss=cross_entropy", "loss=cross_entropy", "classification"),
    ("loss=distillation loss.teacher=nowhere", "loss.teacher=nowhere", "Expected a run folder"),
    ("model=cnn data=wine", "model=cnn takes images", "rows of a table", "model=mlp"),
    ("model=lstm data=csv data.path=table.csv data.target=price", "takes series or images", "rows of a table"),
    ("model=resnet data.as_sequence=true", "model=resnet takes images", "these data are series"),
    ("augmentation=[flip] data=diabetes", "augmentation=flip takes images", "Leave flip out"),
    ("regularization=[cutmix] data=breast_cancer", "regularization=cutmix takes images", "Leave cutmix out"),
    ("data=image_folder data.root=nowhere", "data.root=nowhere", "no such folder"),
    ("data=csv data.path=tabel.csv data.target=x", "data.path=tabel.csv", "Did you mean 'table.csv'"),
    ("data=csv data.path=table.csv data.target=prise", "data.target=prise", "Did you mean 'price'"),
    # A class of the user's own.
    ("--config-dir mine trusted_targets=[my_models] model=tiny model.width=0", "model.width=0", "at least 1"),
    ("--config-dir mine trusted_targets=[my_models] model=tiny model.widht=9", "widht", "Did you mean 'width'"),
    ("--config-dir mine trusted_targets=[my_models] model=tiny +model.depth=9", "model.depth", "width, kind"),
    ("--config-dir mine trusted_targets=[my_models] model=tiny model.kind=wode", "wode", "Did you mean 'wide'"),
    ("--config-dir mine trusted_targets=[my_models] model=tony", "Tony", "Did you mean 'Tiny'"),
    ("--config-dir mine trusted_targets=[no_models] model=gone", "no_models", "no module"),
    ("--config-dir mine model=tiny", "my_models.Tiny", "trusted_targets=[my_models]"),
    # Names.
    ("foo=3", "foo=3", "Groups: "),
    ("+foo=3", "foo", "Keys: "),
    ("++foo.bar=3", "foo"),
    ("=3", "=3"),
    ("optimizer=", "optimizer=", "Options: "),
    ("optimizer=/etc/passwd", "optimizer=/etc/passwd", "Options: "),
    ("--cfg job --package nothing", "--package nothing", "no such part"),
    ("-m 'seed=range(1,1)'", "seed=range(1,1)", "no values"),
    ("optimizer=null", "optimizer=null", "adam"),
    ("+model=mlp", "+model=mlp", "Write model=mlp"),
    ("++model=mlp", "++model=mlp", "Write model=mlp"),
    ("trainer=fast", "fast", "default"),
    ("trainer=[default]", "trainer=[default]"),
    ("optimizer/params=nothing", "nothing", "Options: default"),
    ("augmentation=flipp", "flipp", "Did you mean 'flip'"),
    ("regularization=[none,dropout]", "none", "combined"),
    ("regularization=[dropout,dropout]", "named twice"),
    ("regularization=null", "regularization=null"),
    ("regularization={dropout:1}", "regularization={dropout:1}"),
    ("debug=overfit", "overfit", "Did you mean 'overfit_batch'"),
    # Keys.
    ("+optimizer.lrr=3", "optimizer.lrr", "Did you mean 'lr'"),
    ("+model.hiden=[3]", "model.hiden", "Did you mean 'hidden'"),
    ("model.hiden=[3]", "model.hiden=[3]", "Did you mean 'hidden'"),
    ("model.hidden.foo=3", "model.hidden.foo=3", "model.hidden is a value"),
    ("++model.hidden.foo=3", "model.hidden.foo=3", "model.hidden is a value"),
    ("trainer.checkpoint.every_second=3", "every_second", "Did you mean 'every_seconds'"),
    ("optimizer.params.decay_norm_bia=true", "decay_norm_bia", "Did you mean 'decay_norm_bias'"),
    ("regularization.dropout.p=0.3", "dropout is not selected", "regularization=[dropout]"),
    ("regularization=[l1] regularization.l2.strength=2", "l2 is not selected"),
    ("regularization=[dropout] regularization.dropout.q=2", "regularization.dropout.q=2", "Keys: p"),
    ("+regularization.mine.strength=3", "mine"),
    ("data.path=x", "data.path=x", "data=digits"),
    # Taking away.
    ("~optimizer", "~optimizer", "optimizer=OPTION"),
    ("~data", "~data"),
    ("~warmup", "~warmup"),
    ("~optimizer.lr", "optimizer.lr", "optimizer.lr=VALUE"),
    ("~data.batch_size", "data.batch_size"),
    ("~seed", "~seed"),
    ("~nothing", "nothing"),
    ("regularization=[dropout] ~regularization.dropout.p", "regularization.dropout.p"),
    # Values.
    ("seed=abc", "seed=abc", "an integer"),
    ("seed=-1", "seed=-1", "at least 0"),
    ("seed=1.5", "seed=1.5"),
    ("seed=null", "seed=null"),
    ("mode=maxx", "mode=maxx", "Did you mean 'max'"),
    ("monitor=null", "monitor=null"),
    ("monitor=3", "monitor=3"),
    ("monitor=val/r2", "monitor=val/r2", "val/loss"),
    ("name=[a,b]", "name="),
    ("name=a/b", "name=a/b"),
    ("name=", "name="),
    ("trusted_targets=os", "trusted_targets=os", "a list"),
    # A file that somebody sends must not say by itself which code is trusted.
    (
        "--config-dir recipes experiment=trusting",
        "trusted_targets=[my_models] (in experiment=trusting)",
        "If you trust it: 'trusted_targets=[my_models]'",
    ),
    ("--config-dir recipes --config-name mine", "trusted_targets=[my_models]", "If you trust it"),
    ("--config-dir recipes -m experiment=plain,trusting", "experiment=trusting", "Only the command"),
    ("--config-dir recipes -m experiment=plain,calling", "experiment=calling", "hydra.callbacks.mine._target_"),
    ("--config-dir recipes -m space=trusting model=tiny", "trusted_targets=", "Only the command"),
    ("-m seed=1,2 'hydra.sweeper.storage=${oc.env:NOT_SET_HERE}'", "hydra.sweeper.storage", "NOT_SET_HERE"),
    ("-m sweep=lr hydra/sweeper=bayes", "error: sweep=lr: there is no 'sweep'", "Did you mean 'space=lr'?"),
    ("-m space=lrr hydra/sweeper=bayes", "space=lrr: space has no option 'lrr'", "Did you mean 'lr'?"),
    ("-m hydra/sweeper=bayes optimizer.lrr=1,2", "optimizer.lrr=1,2: optimizer (optimizer=adam) has no key 'lrr'"),
    ("-m hydra/sweeper=bayes hydra.sweeper.n_trails=5", "hydra.sweeper has no key", "Did you mean 'n_trials'?"),
    (
        "-m space=lr hydra/sweeper=bayes 'hydra.sweeper.params={optimizer.lrr: 0.1}'",
        "hydra.sweeper.params.optimizer.lrr: optimizer has no key 'lrr'. Did you mean 'lr'?",
    ),
    ("space=lr", "error: space=lr: a space to search, not a run", "--multirun"),
    ("check space=lr", "error: space=lr: a space to search, not a run", "--multirun"),
    ("check hydra/sweeper=optuna", "error: hydra/sweeper=optuna: there is no such sweeper", "hydra/sweeper=bayes"),
    ("check hydra/sweeper=bayes hydra.sweeper.n_jobs=2", "error: hydra.sweeper.n_jobs=2", "hydra.sweeper.workers"),
    ("check hydra/launcher=slurm", "error: hydra/launcher=slurm: is where the trials of a sweep run", "--multirun"),
    ("-m seed=1,2 hydra/sweeper=bayse", "error: hydra/sweeper=bayse", "Did you mean 'bayes'"),
    ("-m trusted_targets=[os],[sys]", "trusted_targets", "can't be searched over"),
    ("-m seed=1,2 +hydra.callbacks.x._target_=os.system", "hydra.callbacks.x._target_=os.system"),
    ("trusted_targets=null", "trusted_targets=null"),
    ("optimizer.lr=-1", "optimizer.lr=-1"),
    ("optimizer.lr=null", "optimizer.lr=null"),
    ("optimizer.lr=true", "optimizer.lr=true"),
    ("optimizer.lr=nan", "optimizer.lr=nan"),
    ("optimizer.lr=inf", "optimizer.lr=inf"),
    ("optimizer.lr=", "optimizer.lr="),
    ("optimizer.weight_decay=-1", "optimizer.weight_decay=-1"),
    ("optimizer.betas=[0.9]", "optimizer.betas=[0.9]", "a list of 2"),
    ("optimizer.betas=[0.9,1.5]", "optimizer.betas=[0.9, 1.5]"),
    ("optimizer.betas=0.9", "optimizer.betas=0.9"),
    ("optimizer=nesterov optimizer.momentum=0", "optimizer", "momentum"),
    ("optimizer.params=3", "optimizer.params=3", "optimizer/params=default"),
    ("trainer.max_epochs=2.5", "trainer.max_epochs=2.5"),
    ("trainer.max_epochs=null", "trainer.max_epochs=null"),
    ("trainer.max_epochs=true", "trainer.max_epochs=true"),
    ("'trainer.max_epochs=\"10\"'", "trainer.max_epochs='10'"),
    ("trainer.compile=yess", "trainer.compile=yess", "true or false"),
    ("trainer.compile=1", "trainer.compile=1"),
    ("trainer.precision=fp61", "fp61", "Did you mean 'fp16'"),
    ("trainer.checkpoint=null", "trainer.checkpoint=null", "every_seconds"),
    ("trainer.checkpoint=3", "trainer.checkpoint=3", "every_seconds"),
    ("trainer.checkpoint.every_seconds=-3", "trainer.checkpoint.every_seconds=-3"),
    ("trainer.device=gpu", "trainer.device=gpu", "cuda"),
    ("trainer.device=cuda:99", "trainer.device=cuda:99"),
    ("trainer.device=3", "trainer.device=3"),
    ("trainer.threads=0", "trainer.threads=0"),
    ("trainer.max_time=0", "trainer.max_time=0"),
    ("data.split=[0.7,0.3]", "data.split=[0.7, 0.3]", "a list of 3"),
    ("data.split=[0.7,0.2,0.3]", "data.split=[0.7, 0.2, 0.3]", "sum to 1"),
    ("data.split=[0.7,0.45,-0.15]", "data.split"),
    ("data.fraction=0", "data.fraction=0", "(0, 1]"),
    ("data.scaling=std", "data.scaling=std", "Did you mean 'standard'"),
    ("data.batch_size=3.5", "data.batch_size=3.5"),
    ("data.num_workers=-1", "data.num_workers=-1"),
    ("model.hidden=64", "model.hidden=64", "a list"),
    ("model.hidden=[64,a]", "model.hidden=[64, 'a']"),
    ("model.hidden=[64,-1]", "model.hidden=[64, -1]"),
    ("model.activation=rleu", "rleu", "Did you mean 'relu'"),
    ("model.norm=btach", "btach", "Did you mean 'batch'"),
    ("model.dropout=1", "model.dropout=1"),
    ("model=resnet model.depth=19", "model.depth=19", "18 | 34"),
    ("model=cnn model.kernel_size=0", "model.kernel_size=0"),
    ("regularization=[dropout] regularization.dropout.p=2", "regularization.dropout.p=2"),
    ("regularization=[early_stopping] regularization.early_stopping.patience=-1", "patience=-1"),
    ("regularization=[early_stopping] regularization.early_stopping.monitor=val/acc", "Did you mean 'val/accuracy'"),
    ("scheduler=plateau scheduler.monitor=val/lss", "scheduler.monitor=val/lss", "Did you mean 'val/loss'"),
    ("scheduler=step scheduler.step_size=0", "scheduler.step_size=0"),
    ("scheduler=cosine scheduler.by=minute", "scheduler.by=minute", "epoch | step"),
    ("warmup=linear warmup.start_factor=2", "warmup.start_factor=2"),
    ("data=csv data.path=. data.target=x", "data.path=."),
    ("data=csv data.path=table.csv data.target=price data.exclude=[c]", "data.exclude=c", "a, b, price"),
    ("data=mnist data.root=nowhere", "data.root=nowhere"),
    # What doesn't go together.
    ("regularization=[dropout] model.dropout=0.3", "model.dropout=0.3", "regularization=dropout"),
    ("regularization=[label_smoothing] data=diabetes", "label_smoothing", "regression"),
    ("warmup=linear warmup.steps=3 warmup.epochs=2", "warmup.steps=3", "warmup.epochs=2"),
    ("model=cnn data=wine", "model=cnn", "images"),
    ("augmentation=[flip] data=wine", "augmentation=flip", "images"),
    # How it is written.
    ("optimizer.lr", "optimizer.lr=VALUE"),
    ("optimizer", "optimizer=OPTION"),
    ("model = mlp", "model=OPTION", "without spaces"),
    ("model= mlp", "'mlp'", "key=value"),
    ("seed 3", "seed=VALUE"),
    ("resnet", "Did you mean model=resnet"),
    ("optimizer.lr==3", "'optimizer.lr==3' is not an override"),
    ("'model=mlp optimizer=sgd'", "is not an override"),
    ("'model.hidden=[64,64'", "is not an override"),
    ("'model.hidden=(64,64)'", "is not an override"),
    ("'optimizer.lr=${'", "is not an override"),
    ("''", "is not an override"),
    ("optimizer.lr=0,1", "optimizer.lr=0,1", "--multirun", "optimizer.lr=[0,1]"),
    ("optimizer=adam,sgd", "optimizer=adam,sgd", "--multirun"),
    ("'optimizer.lr=interval(1,3)'", "--multirun"),
    # Sweeps: every value is looked at first.
    ("--multirun optimizer=adam,sdg", "sdg", "Did you mean 'sgd'"),
    ("model=mlp --multirun optimizer.lr=0.1,fast", "optimizer.lr=fast"),
    ("--multirun optimizer.lrr=0.1,0.2", "Did you mean 'lr'"),
    ("--multirun trainer.max_epochs=1,0", "trainer.max_epochs=0"),
    # References.
    ("'optimizer.lr=${nothing}'", "optimizer.lr", "nothing"),
    ("'optimizer.lr=${optimizer.lr}'", "optimizer.lr"),
    ("'optimizer.lr=${oc.env:NOT_SET_HERE}'", "optimizer.lr", "NOT_SET_HERE"),
    ("'optimizer.lr=${foo:1}'", "optimizer.lr", "foo"),
    ("--config-dir references optimizer=mine", "optimizer.lr", "nothing.here"),
    ("--config-dir references optimizer=environment", "optimizer.lr", "NOT_SET_HERE"),
    ("--config-dir references optimizer=resolver", "optimizer.lr", "foo"),
    ("--config-dir references optimizer=syntax", "${foo"),
    # Files.
    ("--config-dir colon optimizer=mine", "colon/optimizer/mine.yaml", "line 1"),
    ("--config-dir tabs optimizer=mine", "tabs/optimizer/mine.yaml", "line 3"),
    ("--config-dir twice optimizer=mine", "twice/optimizer/mine.yaml", "duplicate key lr"),
    ("--config-dir binary optimizer=mine", "binary/optimizer/mine.yaml", "can't be read"),
    ("--config-dir list optimizer=mine", "optimizer", "_target_"),
    ("--config-dir text optimizer=mine", "optimizer", "_target_"),
    ("--config-dir empty optimizer=mine", "optimizer", "_target_"),
    ("--config-dir untargeted optimizer=mine", "optimizer", "_target_"),
    ("--config-dir extension optimizer=mine", "mine.yml", ".yaml"),
    ("--config-dir nodefault optimizer=mine", "defalt", "Did you mean 'default'"),
    ("--config-dir baddefaults optimizer=mine", "optimizer/mine", "defaults must be a list"),
    ("--config-dir unknown optimizer=mine", "optimizer.lrr", "Did you mean 'lr'"),
    ("--config-dir recipes experiment=key", "optimzer", "Did you mean 'optimizer'", "experiment=key"),
    ("--config-dir recipes experiment=option", "adamm", "Did you mean 'adam'"),
    ("--config-dir recipes experiment=argument", "optimizer.lrr", "Did you mean 'lr'"),
    ("--config-dir recipes experiment=technique", "dropuot", "Did you mean 'dropout'"),
    ("--config-dir recipes experiment=package", "package"),
    ("--config-dir recipes experiment=ky", "ky", "Did you mean 'key'"),
    ("--config-dir nowhere", "nowhere", "no such folder"),
    ("--config-dir table.csv", "table.csv"),
    # Flags and verbs.
    ("--config-dir", "--config-dir", "expected one argument"),
    ("--config-name nothing", "--config-name nothing"),
    ("--config-path /tmp", "--config-path", "--config-dir"),
    ("--multirn optimizer=adam", "--multirn", "Did you mean '--multirun'"),
    ("-x", "-x"),
    ("--cfg jobb", "jobb", "job"),
    ("--info nothing", "nothing", "searchpath"),
    ("lst", "lst", "Did you mean 'list'"),
    ("train model=mlp", "train", "without one"),
    ("list optimzer", "optimzer", "Did you mean 'optimizer'"),
    ("list optimizer adam", "adam"),
    ("list --foo", "--foo", "list [GROUP]"),
    ("list --config-dir", "--config-dir"),
    ("show", "GROUP/OPTION"),
    ("show optimizer", "optimizer/adamw"),
    ("show adamw", "Did you mean 'optimizer/adamw'"),
    ("show optimizer/adamm", "adamm", "Did you mean 'adam'"),
    ("show optimizer/adamw extra", "extra"),
    ("check optimizer=adamm", "adamm", "Did you mean 'adam'"),
    ("check --foo", "--foo"),
    ("check --multirun optimizer=adam,adamm", "adamm", "Did you mean 'adam'"),
    ("resume", "resume RUN_DIR"),
    ("resume nowhere", "nowhere: does not exist"),
    ("resume nothing_in_it", "nothing_in_it: is not a run folder"),
    ("resume table.csv", "table.csv: is not a run folder"),
    ("resume torn", "torn/config.yaml"),
    ("resume foreign", "foreign/config.yaml", "'data'"),
    ("resume listed", "listed/config.yaml"),
    ("resume foreign --foo", "--foo", "resume RUN_DIR"),
    ("resume foreign optimizer.lr=3", "optimizer.lr=3", "rerun"),
    ("resume optimizer.lr=3", "resume RUN_DIR"),
    ("rerun", "rerun RUN_DIR"),
    ("rerun nowhere", "nowhere"),
    ("rerun foreign", "foreign/config.yaml"),
    ("evaluate", "evaluate RUN_DIR"),
    ("evaluate foreign", "no foreign/checkpoints/best.pt", "none yet"),
    ("evaluate foreign --checkpoint", "--checkpoint"),
    ("evaluate foreign optimizer.lr=3", "optimizer.lr=3"),
    ("doctor now", "now"),
    # Hydra's own part.
    ("-m hydra/sweeper=bayes seed=1,2 hydra.sweeper.n_trial=3", "error: hydra.sweeper.n_trial=3", "'n_trials'"),
    ("hydra/launcher=basic optimizer.lrr=3", "error: optimizer.lrr=3", "Did you mean 'lr'"),
    ("hydra.verbos=true", "hydra.verbos", "Did you mean 'verbose'"),
    ("hydra.verbose=3", "hydra.verbose=3"),
    ("hydra.mode=MULTIRUNN", "MULTIRUNN", "MULTIRUN"),
    ("hydra.run.dir=", "hydra.run.dir="),
    ("hydra.run.dir=null", "hydra.run.dir=null"),
    ("hydra/launcher=nothing", "nothing", "basic"),
    ("-m seed=1,2 hydra/sweeper=basic hydra/launcher=ray", "error: hydra/launcher=ray", "hydra/sweeper=grid"),
    ("-m seed=1,2 hydra/launcher=slurm hydra.launcher.partitio=x", "'partitio'", "Did you mean 'partition'"),
    ("hydra/sweeper=bays", "bays", "Did you mean 'bayes'"),
    # Classes that are not for this, or that nobody should name in a config.
    ("optimizer._target_=torch.optim.Adm", "Adm", "Did you mean 'Adam'"),
    ("optimizer._target_=torch.optim", "a module, not a class"),
    ("optimizer._target_=torch.nn.Linear", "torch.nn.modules.linear.Linear", "torch.optim.Optimizer"),
    ("loss._target_=torch.nn.CrossEntropyLoss", "CrossEntropyLoss", "runner.engine.loss.Loss"),
    ("scheduler._target_=torch.optim.lr_scheduler.StepLR", "StepLR", "runner.engine.schedule.Schedule"),
    ("init._target_=torch.nn.init.zeros_", "zeros_", "a function, where a class is expected"),
    ("data._target_=runner.engine.settings.Trainer", "Trainer", "runner.data.base.DataOption"),
    ("trainer._target_=runner.data.digits.Digits", "Digits", "runner.engine.settings.Trainer"),
    ("model._target_=torch.optim.SGD", "SGD", "torch.nn.Module"),
    ("regularization=[dropout] regularization.dropout._target_=runner.model.mlp.MLP", "MLP", "Technique"),
    ("optimizer._target_=null", "optimizer._target_=null"),
    ("optimizer._target_=3", "optimizer._target_=3"),
    ("optimizer._target_=eval", "optimizer._target_=eval"),
    ("optimizer._target_=builtins.eval", "builtins.eval"),
    ("optimizer._target_=torch.load", "torch.load"),
    ("optimizer._target_=torch.hub.load", "torch.hub.load"),
    ("optimizer._target_=torch.nn.os.system", "torch.nn.os"),
    ("optimizer._target_=torch.nn.modules.module.torch", "torch.nn.modules.module.torch"),
    ("optimizer._target_=runner.run.run", "runner.run.run"),
    ("data._target_=runner.fetch.package.run", "runner.fetch.package.run"),
    ("data._target_=runner.fetch.package.subprocess.run", "runner.fetch.package.subprocess"),
    ("'model.activation={_target_:os.system}'", "model.activation._target_=os.system"),
    ("+model.evil._target_=os.system", "os.system"),
    ("+model.evil._target_=torch.nn.ReLU", "model.evil", "no argument"),
    ("+regularization.l2._target_=os.system", "os.system"),
    ("hydra.launcher._target_=os.system", "hydra.launcher._target_=os.system"),
    ("hydra.sweeper._target_=hydra.utils.os.system", "hydra.utils.os.system"),
    ("+hydra.callbacks.x._target_=os.system", "hydra.callbacks.x._target_=os.system"),
    ("'+hydra.job_logging.handlers.x={class:os.system}'", "os.system"),
    ("--config-dir evil optimizer=system", "os.system"),
    ("--config-dir evil model=nested", "model.hidden._target_=os.system"),
    ("--config-dir evil model=entry", "model.hidden="),
    ("--config-dir evil data=ours", "runner.fetch.package.run"),
    ("--config-dir evil experiment=top", "x (in experiment=top)"),
    ("--config-dir evil experiment=list", "hydra.callbacks.x=", "only the command can say that"),
    ("--config-dir evil experiment=create", "os.system"),
    ("--config-dir evil experiment=through", "hydra.utils.os.system"),
    ("--config-dir evil experiment=handler", "hydra.job_logging.", "only the command can say that"),
    ("--config-dir evil experiment=factory", "logging.config.fileConfig"),
    # What no network can compute with.
    ("optimizer.lr=1e300", "optimizer.lr=1e+300", "3.4e+38"),
    ("optimizer=lion optimizer.weight_decay=1e300", "optimizer.weight_decay=1e+300"),
    ("optimizer.betas=[0.9,1e300]", "optimizer.betas=1e+300"),
    ("init=uniform init.a=-1e300", "init.a=-1e+300", "3.4e+38"),
    ("init=uniform init.a=-99999999999999999999", "init.a=-99999999999999999999", "9.2e+18"),
    ("init=uniform init.b=inf", "init.b=inf", "a finite number"),
    ("init=truncated_normal init.std=inf", "init.std=inf", "a finite number"),
    ("data.batch_size=99999999999999999999", "data.batch_size=99999999999999999999", "9.2e+18"),
    ("trainer.threads=100000", "trainer.threads=100000", "1024"),
    ("data.num_workers=100000", "data.num_workers=100000", "1024"),
    ("optimizer.differentiable=true", "optimizer.differentiable=true", "Leave it out"),
    ("trainer.device=cpu optimizer.capturable=true", "optimizer.capturable=true", "CUDA graphs"),
    # Hydra's flags and keys in odd company.
    ("--resolve", "--resolve: goes with --cfg job"),
    ("--shell-completion optimizer=adam", "--shell-completion optimizer=adam", "install=bash"),
    ("'optimizer._target_=glob(*)'", "optimizer._target_=glob(*)", "--multirun"),
    ("-m 'optimizer._target_=glob(*)'", "optimizer._target_=glob(*)", "no values"),
    ("data=csv 'data.path=glob(*)' data.target=x", "data.path=glob(*)"),
    ("optimizer=/", "optimizer=/", "Options: "),
    ("~hydra.sweeper", "~hydra.sweeper"),
    ("~hydra/sweeper", "hydra.sweeper: nothing is chosen", "hydra/sweeper=basic"),
    ("hydra/launcher=slurm", "hydra/launcher=slurm", "Add --multirun"),
    ("-m seed=1,2 hydra.sweeper.params=3", "hydra.sweeper.params=3", "keys with spaces"),
    ("-m hydra.sweeper.params=ia3", "hydra.sweeper.params=ia3", "keys with spaces"),
    ("-m seed=1,2 'hydra.sweeper.enqueue=[3]'", "hydra.sweeper.enqueue=[3]", "a list of points"),
    ("-m seed=1,2 'hydra.sweeper.objectives=[3]'", "hydra.sweeper.objectives=[3]", "the name of a score"),
    ("-m seed=1,2 hydra.sweeper.storage=3", "hydra.sweeper.storage=3", "a URL"),
    ("-m seed=1,2 ~hydra/launcher", "hydra.launcher: nothing is chosen"),
    ("-m seed=1,2 hydra.sweeper=null", "hydra.sweeper: nothing is chosen"),
    ("hydra.hydra_logging.root=nope", "(hydra.hydra_logging.root=nope): Unable to configure root logger"),
    ("++hydra.job.env_copy=[NOT_SET_HERE]", "hydra.job.env_copy", "NOT_SET_HERE"),
    ("'hydra.verbose=[a,3]'", "hydra.verbose=['a', 3]", "names of loggers"),
    ("'hydra.run.dir=${nothing}'", "hydra.run.dir", "nothing"),
    ("'hydra.run.dir=${hydra.job.num}'", "hydra.run.dir", "hydra.job.num"),
    ("-m seed=1,2 'hydra.sweep.dir=${nothing}'", "hydra.sweep.dir", "nothing"),
    (f"data=csv data.path={'n' * 300} data.target=x", "too long"),
    (f"--config-dir {'n' * 300}", "too long"),
    # Files from which nothing can be read to its end.
    ("--config-dir itself optimizer=mine", "itself/optimizer/mine.yaml: contains itself", "*a stands inside of &a"),
    ("--config-dir laughs optimizer=adam", "laughs/optimizer/mine.yaml: stands for more than 100,000 entries"),
    ("--config-dir deep optimizer=mine", "deep/optimizer/mine.yaml: is nested more than"),
    ("list --config-dir laughs", "laughs/optimizer/mine.yaml: stands for more than 100,000 entries"),
    ("--config-dir circle optimizer=mine", "circle/optimizer/mine.yaml", "lead in a circle"),
    ("--config-dir folder optimizer=mine", "folder/optimizer/mine.yaml: is a folder, not a file"),
    ("--config-dir pipe optimizer=mine", "pipe/optimizer/mine.yaml: is a pipe, not a file"),
    ("--config-dir latin optimizer=mine", "latin/optimizer/mine.yaml", "utf-8"),
    ("list --config-dir latin", "latin/optimizer/mine.yaml: is not in UTF-8 (byte"),
    ("show optimizer/mine --config-dir digits", "digits/optimizer/mine.yaml: not valid YAML"),
    ("--config-dir recipes experiment=number", "regularization=5 (in experiment=number)", "by name"),
    ("--config-dir numbers optimizer=mine", "error: optimizer.1: torch.optim.SGD has no argument 1."),
    ("--config-dir numbers optimizer=said", "error: optimizer.True: torch.optim.SGD has no argument True."),
    ("--config-dir empty hydra/sweeper=mine", "error: hydra/sweeper=mine: names no class. Expected an entry _target_"),
    ("check --config-dir empty hydra/sweeper=mine", "error: hydra/sweeper=mine: names no class."),
    ("-m --config-dir empty hydra/sweeper=mine seed=1,2", "error: hydra/sweeper=mine: names no class."),
    ("-m --config-dir empty hydra/launcher=mine seed=1,2", "error: hydra/launcher=mine: names no class."),
    ("data=csv data.path=old.csv data.target=y", "data.path=old.csv", "carriage returns alone"),
    ("data.path=tabl\udce9.csv", "encoding of this terminal", "LANG=C.UTF-8"),
    (f"optimizer.lr={'[' * 400}", "optimizer.lr=[[["),
    ("--config-dir recipes experiment=word", "augmentation=flip (in experiment=word)", "by name"),
]


def is_one_paragraph(text):
    return text.startswith("error: ") and text.endswith(("\n",)) and text.count("\n") == 1 and "Traceback" not in text


@pytest.mark.parametrize("case", MALFORMED, ids=lambda case: case[0][:60])
def test_refused_in_one_paragraph(case, command, home):
    before = sorted(home.rglob("*"))
    text, *said = case
    code, _, error = command(*shlex.split(text))
    assert code == 2, error
    assert is_one_paragraph(error), error
    for part in said:
        assert part in error
    kept = [path for path in sorted(home.rglob("*")) if "__pycache__" not in path.parts]
    assert kept == [path for path in before if "__pycache__" not in path.parts]


def test_a_recipe_may_hold_values_for_techniques_that_are_not_selected(command):
    assert command("check", "--config-dir", "recipes", "experiment=unselected")[0] == 0
    code, out, _ = command(
        "check", "--config-dir", "mine", "trusted_targets=[my_models]", "model=tiny", "model.width=3"
    )
    assert (code, out) == (0, "ok\n")


# In a process of their own, one after the other: none of them may import torch.
NAMES = [
    "model=resent",
    "optimizer.lrr=1",
    "+optimiser.lr=3",
    "regularization=[dropout,dropuot]",
    "monitor=val/acuracy",
    "data=csv",
    "--config-dir broken optimizer=mine",
    "trainer.max_epochs=ten",
    "data.batch_size=0",
    "data=csv data.path=table.csv data.target=prise",
    "optimizer._target_=os.system",
    "lst",
    "--multirn",
]
ANSWERS = ["list", "list optimizer", "--help", "--cfg job", "--version", "--info config"]
NO_TORCH = """
import contextlib, io, json, sys
from runner.cli.verbs import answer

told = {}
for text, words in json.loads(sys.argv[1]).items():
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as error:
        code = answer(words)
    told[text] = code, out.getvalue(), error.getvalue(), "torch" in sys.modules
print(json.dumps(told))
"""
# As it is really typed: torch is needed to tell what is wrong.
MODULE, SCRIPT = (sys.executable, "-m", "runner"), (os.path.join(sys.prefix, "bin", "runner"),)
WITH_TORCH = [(MODULE, "optimizer.lr=fast"), (SCRIPT, "optimizer.lr=-1"), (MODULE, "model=cnn data=wine")]


def process(words, home, *start):
    environment = {name: value for name, value in os.environ.items() if name != "HYDRA_FULL_ERROR"}
    return subprocess.run([*start, *words], cwd=home, capture_output=True, text=True, env=environment, timeout=300)


@pytest.fixture(scope="session")
def told(home):
    """What one process without torch answers to each: status, output, errors, and whether torch is there since."""
    words = {text: shlex.split(text) for text in (*NAMES, *ANSWERS)}
    done = process([json.dumps(words)], home, sys.executable, "-c", NO_TORCH)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("text", NAMES)
def test_names_keys_and_plain_values_need_no_torch(text, told):
    code, out, error, torch_is_there = told[text]
    assert (code, out, torch_is_there) == (2, "", False), error
    assert is_one_paragraph(error)


@pytest.mark.parametrize("text", ANSWERS)
def test_answers_that_need_no_torch(text, told):
    code, out, error, torch_is_there = told[text]
    assert (code, error, torch_is_there) == (0, "", False)
    assert out


@pytest.mark.slow
@pytest.mark.parametrize(("start", "text"), WITH_TORCH)
def test_exit_status_of_the_process(start, text, home):
    done = process(shlex.split(text), home, *start)
    assert done.returncode == 2
    assert is_one_paragraph(done.stderr), done.stderr
    assert done.stdout == ""
    assert not (home / "outputs").exists()


@pytest.mark.slow
@pytest.mark.parametrize("start", [MODULE, SCRIPT])
def test_modules_in_the_working_directory_are_found(start, home):
    words = shlex.split("check --config-dir mine trusted_targets=[my_models] model=tiny model.width=0")
    done = process(words, home, *start)
    assert done.returncode == 2
    assert "model.width=0: expected an integer of at least 1" in done.stderr
