"""What operations of torch do to the channels of tensors, by the names under which torch dispatches them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from runner.deploy.structured.labels import FIXED, FREE, tidy, varies

if TYPE_CHECKING:
    from runner.deploy.structured.flow import Flow, Layers

# What they make is alike everywhere, or drawn: it may have any shape.
FRESH = {
    *("zeros", "ones", "full", "empty", "rand", "scalar_tensor", "empty_strided", "empty_permuted"),
    *("new_zeros", "new_ones", "new_full", "new_empty", "new_empty_strided"),
}
# What they make has the shape of what they are given, and so its channels.
LIKE = {"zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like"}

RULES: dict[str, Callable[[Flow, Any, Any, Any, Any], None]] = {}


def _rule(*names: str) -> Callable[[Any], Any]:
    def keep(function: Any) -> Any:
        RULES.update(dict.fromkeys(names, function))
        return function

    return keep


@_rule(
    "clone", "_to_copy", "contiguous", "detach", "alias", "lift_fresh", "bernoulli_", "zero_", "fill_", "native_dropout"
)
def _same(flow: Flow, func: Any, args: Any, kwargs: Any, out: Any) -> None:
    for tensor in [out] if isinstance(out, Tensor) else out:
        flow.put(tensor, None if flow.is_free(args[0]) else flow.layers(args[0]))


@_rule(
    *("view", "_unsafe_view", "reshape", "_reshape_alias", "permute", "transpose", "t", "expand", "squeeze"),
    *("unsqueeze", "select", "slice", "split", "split_with_sizes", "unsafe_split", "unbind", "repeat", "flip", "roll"),
    *("pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "diagonal", "unfold"),
)
def _moved(flow: Flow, func: Any, args: Any, kwargs: Any, out: Any) -> None:
    """What moves numbers moves their labels."""
    made = [out] if isinstance(out, Tensor) else list(out)
    if flow.is_free(args[0]):
        for tensor in made:
            flow.put(tensor, None)
        return
    found: list[Layers] = [[] for _ in made]
    name = func.overloadpacket.__name__
    for layer in flow.layers(args[0]):
        if name == "slice" and flow.is_weight(args[0]) and made[0].shape != args[0].shape:
            cut = {d for d, n in enumerate(made[0].shape) if n != layer.shape[d]}  # longer inputs see more of it
            if (whole := flow.labels.same_along(layer, cut)) is None:
                continue
            layer = whole
        moved = layer.reshape(args[1]) if "view" in name else func(layer, *args[1:], **kwargs)
        parts = [moved] if isinstance(moved, Tensor) else moved
        if name == "split":  # into equal parts, which must stay equal
            for part in parts[1:]:
                if part.shape == parts[0].shape:
                    flow.labels.unite(parts[0], part)
        for own, part in zip(found, parts, strict=True):
            if varies(one := tidy(part)):
                own.append(flow.labels.kept(one))
            elif one.numel() and varies(layer):  # one channel of many was picked
                flow.labels.fix(one[(slice(0, 1),) * one.ndim])
    for tensor, own in zip(made, found, strict=True):
        flow.put(tensor, own)


@_rule("gather", "index_select", "index", "take_along_dim", "embedding")
def _looked_up(flow: Flow, func: Any, args: Any, kwargs: Any, out: Tensor) -> None:
    """Rows that are looked up by number all stay."""
    name, table = func.overloadpacket.__name__, args[0]
    if flow.is_free(table):
        flow.put(out, None)
        return
    if name == "index":
        dims = {d for d, index in enumerate(args[1]) if index is not None}
    else:
        dims = {0} if name == "embedding" else {args[1] % table.ndim}
    left = [flow.labels.same_along(layer, dims) for layer in flow.layers(table)]
    rest = (args[1],) if name == "embedding" else args[1:]
    flow.put(out, [tidy(func(layer, *rest)) for layer in left if layer is not None])


@_rule("as_strided", "as_strided_")
def _restrided(flow: Flow, func: Any, args: Any, kwargs: Any, out: Tensor) -> None:
    """Another order in memory, as pooling gives where maps are laid out by pixel; else nobody knows."""
    if list(args[1]) == list(args[0].shape) and out.numel() == args[0].shape[0] * args[0].shape[1]:
        flow.put(out, None if flow.is_free(args[0]) else flow.layers(args[0]))
    else:
        flow.unknown.add("as_strided")
        flow.fix([args[0]])


@_rule("copy_")
def _written(flow: Flow, func: Any, args: Any, kwargs: Any, out: Tensor) -> None:
    layers = flow.meet([args[1]], out.shape)
    if out._is_view() or (layers is None and not flow.is_free(out)):
        flow.fix(args[:2])  # a part of another tensor is written, which does not hear of it
    else:
        flow.put(out, layers)


@_rule("index_add", "index_add_", "scatter_add", "scatter_add_", "scatter_reduce", "scatter_reduce_", "index_reduce_")
def _scattered(flow: Flow, func: Any, args: Any, kwargs: Any, out: Tensor) -> None:
    """Rows are added to the rows of another tensor that an index tells."""
    dim, source = args[1] % out.ndim, args[3]
    own = [flow.labels.same_along(layer, {dim}) for layer in flow.layers(source)]
    layers = [layer.narrow(dim, 0, 1).expand(out.shape) for layer in own if layer is not None]
    sizes = [1 if d == dim else n for d, n in enumerate(source.shape)]
    parts = [] if flow.is_free(args[0]) else [(list(out.shape), flow.layers(args[0]))]
    flow.put(out, flow.united([*parts, (sizes, layers)]))


@_rule("cat", "stack")
def _joined(flow: Flow, func: Any, args: Any, kwargs: Any, out: Tensor) -> None:
    dim = (args[1] if len(args) > 1 else kwargs.get("dim", 0)) % out.ndim
    stacked = func.overloadpacket.__name__ == "stack"
    along = torch.full([out.shape[dim]], FIXED)  # labels along the dimension in which they are joined
    across: list[tuple[list[int], Layers]] = []
    begin = 0
    for tensor in (t for t in args[0] if t.numel()):
        sizes = [*tensor.shape[:dim], 1, *tensor.shape[dim:]] if stacked else list(tensor.shape)
        part = along.narrow(0, begin, sizes[dim])
        begin += sizes[dim]
        if flow.is_free(tensor):
            part.fill_(FREE)
            continue
        rest: Layers = []
        for layer in flow.layers(tensor):
            one = layer.unsqueeze(dim) if stacked else layer
            if varies(one) == {dim}:
                part.copy_(one[tuple(slice(None) if d == dim else 0 for d in range(out.ndim))])
            elif (same := flow.labels.same_along(one, {dim})) is not None:
                rest.append(same.narrow(dim, 0, 1).expand(out.shape))
        across.append(([1 if d == dim else n for d, n in enumerate(sizes)], rest))
    found = flow.united(across)
    if bool((along != FIXED).any()):
        found.append(along.view([-1 if d == dim else 1 for d in range(out.ndim)]).expand(out.shape))
    flow.put(out, found if across else None)


@_rule("constant_pad_nd")
def _padded(flow: Flow, func: Any, args: Any, kwargs: Any, out: Tensor) -> None:
    x, pads = args[0], list(args[1])
    wide = {x.ndim - 1 - i // 2 for i, pad in enumerate(pads) if pad}
    found: Layers = []
    for layer in flow.layers(x):
        if not varies(layer) & wide:
            index = tuple(slice(0, 1) if d in wide else slice(None) for d in range(layer.ndim))
            found.append(layer[index].expand(out.shape))
        else:
            moved = flow.labels.unite(F.pad(layer, pads, value=FREE), _fresh(flow, out, wide))
            found.append(flow.labels.kept(tidy(moved)))
    flow.put(out, None if flow.is_free(x) else found)


def _fresh(flow: Flow, x: Tensor, dims: set[int]) -> Tensor:
    """A layer of new labels along `dims`."""
    size = math.prod(x.shape[d] for d in dims)
    begin, flow.labels.count = flow.labels.count, flow.labels.count + size
    shape = [n if d in dims else 1 for d, n in enumerate(x.shape)]
    return torch.arange(begin, begin + size).view(shape).expand(x.shape)


@_rule(
    *("max_pool1d", "max_pool2d", "max_pool3d", "max_pool2d_with_indices", "max_pool3d_with_indices", "avg_pool1d"),
    *("avg_pool2d", "avg_pool3d", "_adaptive_avg_pool2d", "adaptive_avg_pool1d", "_adaptive_avg_pool3d"),
    *("adaptive_max_pool2d", "upsample_nearest1d", "upsample_nearest2d", "_upsample_nearest_exact2d"),
    *("upsample_bilinear2d", "_upsample_bilinear2d_aa", "upsample_bicubic2d", "upsample_linear1d", "reflection_pad1d"),
    *(
        "reflection_pad2d",
        "replication_pad1d",
        "replication_pad2d",
        "replication_pad3d",
        "grid_sampler_2d",
        "roi_align",
    ),
    *("adaptive_max_pool1d", "mkldnn_max_pool2d"),
)
def _pooled(flow: Flow, func: Any, args: Any, kwargs: Any, out: Any) -> None:
    """Maps ``(N, C, ...)``, each by itself."""
    made = [out] if isinstance(out, Tensor) else list(out)
    flow.fix(t for t in args[1:] if isinstance(t, Tensor))
    flow.put(made[0], [layer.expand(made[0].shape) for layer in _of_channels(flow, args[0])])


def _of_channels(flow: Flow, x: Tensor) -> Layers:
    """Layers of maps ``(N, C, ...)``, with sizes of one but for C."""
    left = [flow.labels.same_along(layer, set(range(x.ndim)) - {1}) for layer in flow.layers(x)]
    return [
        layer[tuple(slice(None) if d == 1 else slice(0, 1) for d in range(x.ndim))]
        for layer in left
        if layer is not None
    ]


@_rule("mm", "bmm", "matmul")
def _product(flow: Flow, func: Any, args: Any, kwargs: Any, out: Tensor) -> None:
    flow.put(out, flow.multiplied(args[0], args[1], out.shape))


@_rule("mv")
def _product_with_vector(flow: Flow, func: Any, args: Any, kwargs: Any, out: Tensor) -> None:
    a, b = args
    shape = list(a.shape)
    parts = [(shape, flow.layers(a)), ([1, shape[1]], [layer.expand(shape) for layer in flow.layers(b)])]
    flow.put(out, flow.summed(flow.united(parts), {1})[0])


@_rule("addmm", "baddbmm")
def _sum_and_product(flow: Flow, func: Any, args: Any, kwargs: Any, out: Tensor) -> None:
    layers = flow.multiplied(args[1], args[2], out.shape)
    sizes = [1] * (out.ndim - args[0].ndim) + list(args[0].shape)
    flow.put(
        out, flow.united([(list(out.shape), layers), (sizes, [one.expand(out.shape) for one in flow.layers(args[0])])])
    )


@_rule("convolution", "_convolution")
def _convolution(flow: Flow, func: Any, args: Any, kwargs: Any, out: Tensor) -> None:
    x, weight, bias, transposed, groups = args[0], args[1], args[2], args[6], args[8]
    labels = flow.labels
    kernel = set(range(2, weight.ndim))
    flat = [labels.same_along(layer, kernel) for layer in flow.layers(weight)]
    # (rows, columns) of the weight; the rows of a transposed convolution are its inputs
    matrix = [layer[(..., *(0,) * len(kernel))] for layer in flat if layer is not None]
    if transposed:
        matrix = [layer.T for layer in matrix]
    maps = [layer[(0, slice(None), *(0,) * len(kernel))] for layer in _of_channels(flow, x)]
    if groups == 1:
        shape = [out.shape[1], x.shape[1]]
        parts = [(shape, matrix), ([1, shape[1]], [layer.expand(shape) for layer in maps])]
        layers, _ = flow.summed(flow.united(parts), {1})
    else:  # a group goes with what it is made of, and the weights within it stay
        rows = 1 if transposed else 0
        for layer in matrix:
            if varies(layer) == {1 - rows}:
                labels.fix(layer)
        own = [layer.select(1 - rows, 0) for layer in matrix if rows in varies(layer)]
        parts = []
        for found in (own, maps):
            whole = [labels.same_along(layer.reshape(groups, -1), {1}) for layer in found]
            parts.append(([groups, 1], [layer[:, :1] for layer in whole if layer is not None]))
        one = flow.united(parts)
        layers = [layer.expand(groups, out.shape[1] // groups).reshape(-1) for layer in one]
    if bias is not None:
        layers = flow.united([([out.shape[1]], layers), ([out.shape[1]], flow.layers(bias))])
    flow.put(out, [layer.view(-1, *(1,) * len(kernel)).expand(out.shape) for layer in layers])


@_rule(
    "native_batch_norm",
    "_native_batch_norm_legit",
    "_native_batch_norm_legit_no_training",
    "_native_batch_norm_legit_functional",
    "cudnn_batch_norm",
    "_batch_norm_with_update",
    "_batch_norm_no_update",
)
def _batch_norm(flow: Flow, func: Any, args: Any, kwargs: Any, out: Any) -> None:
    x = args[0]
    own = [t for t in args[1:5] if isinstance(t, Tensor)]
    shape = (1, x.shape[1], *(1,) * (x.ndim - 2))
    parts = [(list(shape), [layer.view(shape).expand(x.shape) for layer in flow.layers(t)]) for t in own]
    flow.put(out[0], flow.united([(list(x.shape), flow.layers(x)), *parts]))


@_rule("native_layer_norm", "_fused_rms_norm")
def _layer_norm(flow: Flow, func: Any, args: Any, kwargs: Any, out: Any) -> None:
    x, shape = args[0], args[1]
    layers = flow.meet([x, *(t for t in args[2:4] if isinstance(t, Tensor))], x.shape) or []
    if any(varies(layer) & set(range(x.ndim - len(shape), x.ndim)) for layer in layers):
        flow.mixed.add("layer normalization")
    flow.put(out[0], layers)


@_rule("native_group_norm")
def _group_norm(flow: Flow, func: Any, args: Any, kwargs: Any, out: Any) -> None:
    x, groups = args[0], args[6]
    shape = (1, x.shape[1], *(1,) * (x.ndim - 2))
    own = [t for t in args[1:3] if isinstance(t, Tensor)]
    parts = [(list(shape), [layer.view(shape).expand(x.shape) for layer in flow.layers(t)]) for t in own]
    layers = flow.united([(list(x.shape), flow.layers(x)), *parts])
    for layer in layers if groups > 1 else ():
        if varies(layer) == {1}:  # whole groups
            flow.labels.same_along(layer[(0, slice(None), *(0,) * (x.ndim - 2))].reshape(groups, -1), {1})
        else:
            flow.labels.fix(layer)
    if groups == 1 and layers:
        flow.mixed.add("layer normalization")
    flow.put(out[0], layers)


@_rule("_weight_norm_interface", "_weight_norm")
def _weight_norm(flow: Flow, func: Any, args: Any, kwargs: Any, out: Any) -> None:
    flow.put(out if isinstance(out, Tensor) else out[0], flow.meet(args[:2], args[0].shape))


@_rule("_softmax", "_log_softmax", "_safe_softmax", "softmax", "log_softmax", "cumsum", "cumprod", "logcumsumexp")
def _along(flow: Flow, func: Any, args: Any, kwargs: Any, out: Tensor) -> None:
    if flow.is_free(args[0]):
        flow.put(out, None)
        return
    left = [flow.labels.same_along(layer, {args[1] % max(1, out.ndim)}) for layer in flow.layers(args[0])]
    flow.put(out, [layer for layer in left if layer is not None])


@_rule(
    "sum",
    "mean",
    "amax",
    "amin",
    "max",
    "min",
    "var",
    "std",
    "var_mean",
    "prod",
    "any",
    "all",
    "linalg_vector_norm",
    "norm",
    "logsumexp",
    "argmax",
)
def _reduced(flow: Flow, func: Any, args: Any, kwargs: Any, out: Any) -> None:
    made = [out] if isinstance(out, Tensor) else list(out)
    x = args[0]
    if flow.is_free(x):
        for tensor in made:
            flow.put(tensor, None)
        return
    named = {a.name: value for a, value in zip(func._schema.arguments, args, strict=False)} | kwargs
    dim = named.get("dim")
    dims = range(x.ndim) if dim is None or dim == [] else [dim] if isinstance(dim, int) else dim
    keep = bool(named.get("keepdim", False))
    layers, mixes = flow.summed(flow.layers(x), {d % x.ndim for d in dims}, keep)
    if mixes:
        flow.mixed.add(func.overloadpacket.__name__)
    for tensor in made:
        flow.put(tensor, [layer.expand(tensor.shape) for layer in layers])
