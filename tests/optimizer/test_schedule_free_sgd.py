import torch

from runner.engine.progress import Progress
from runner.optimizer.schedule_free_sgd import ScheduleFreeSGD


def sequences(w, gradients, lrs, beta=0.9, decay=0.0):
    """Defazio et al. 2024, equations 3 to 5, all three sequences kept; averages weighted by squared rates."""
    z = x = w
    total = 0.0
    for g, lr in zip(gradients, lrs):
        y = (1 - beta) * z + beta * x
        z = z - lr * (g + decay * y)
        total += lr**2
        c = lr**2 / total
        x = (1 - c) * x + c * z
        yield (1 - beta) * z + beta * x, x, z


def test_closed_form(check):
    check("schedule_free_sgd", lambda w, gs: (y for y, _, _ in sequences(w, gs, [1.0] * 20)))


def test_settings(check):
    check(
        "schedule_free_sgd",
        lambda w, gs: (y for y, _, _ in sequences(w, gs, [0.2] * 20, 0.5, 0.1)),
        lr=0.2,
        beta=0.5,
        weight_decay=0.1,
    )


def test_evaluation_sees_the_average_and_gives_back_what_was_there():
    torch.manual_seed(0)
    w = torch.randn(4, dtype=torch.float64)
    gradients = [torch.randn(4, dtype=torch.float64) for _ in range(20)]
    rates = [0.1 * min(1.0, (t + 1) / 10) for t in range(20)]  # a warm-up: weights of the average differ
    p = torch.nn.Parameter(w.clone())
    optimizer = ScheduleFreeSGD([p])
    for g, lr, (y, x, _) in zip(gradients, rates, sequences(w, gradients, rates)):
        optimizer.param_groups[0]["lr"] = lr
        p.grad = g
        optimizer.step()
        torch.testing.assert_close(p.detach(), y)
        before = p.detach().clone()
        with optimizer.evaluating():
            torch.testing.assert_close(p.detach(), x)
        assert torch.equal(p, before)


def test_with_equal_rates_the_average_is_the_mean_of_the_fast_weights():
    p = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    optimizer = ScheduleFreeSGD([p], lr=0.1)
    fast = []
    for _ in range(30):
        p.grad = p.detach() * torch.tensor([1.0, 4.0], dtype=torch.float64)
        optimizer.step()
        fast.append(optimizer.state[p]["z"].clone())
    with optimizer.evaluating():
        torch.testing.assert_close(p.detach(), torch.stack(fast).mean(0))


def test_a_rate_of_zero_changes_nothing():
    p = torch.nn.Parameter(torch.ones(2))
    optimizer = ScheduleFreeSGD([p], lr=0.0)
    p.grad = torch.ones(2)
    optimizer.step()
    with optimizer.evaluating():
        assert p.tolist() == [1.0, 1.0]


def test_a_run_keeps_tests_and_loads_the_average(go):
    from runner.run import evaluate_run, load

    messages = []

    class Hear(Progress):
        def message(self, text):
            messages.append(text)

    result = go("optimizer=schedule_free_sgd", "trainer.max_epochs=3", "monitor=train/loss", progress=Hear())
    assert any("scheduler=constant is what it is made for" in text for text in messages)
    saved = torch.load("run/checkpoints/last.pt")
    group, states = saved["optimizer"]["param_groups"][0], saved["optimizer"]["state"]
    average = load("run").model
    for number, (name, p) in enumerate(average.named_parameters()):
        torch.testing.assert_close(p, saved["model"][name].lerp(states[number]["z"], 1 - 1 / group["beta"]))
    assert evaluate_run("run", "test") == result["test"]
    messages.clear()
    go("optimizer=schedule_free_sgd", "scheduler=constant", "trainer.max_steps=1", progress=Hear(), folder="b")
    assert not any("scheduler=constant" in text for text in messages)
