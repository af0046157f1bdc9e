"""The transformer block: against the formula, against torch's own layers, and what must hold of any of them."""

import math

import pytest
import torch
from torch import nn

from runner.errors import ConfigError
from runner.init.auto import Auto
from runner.model.layers.block import BlockParts, TransformerBlock
from runner.model.layers.multihead import Attention
from runner.model.layers.positions import rotated, rotation, sinusoids
from runner.model.layers.transformer import Transformer, draw, inside

LENGTHS = torch.tensor([7, 1, 4])


def by_formula(attention, x, memory, mask):
    """Equation 1 of Vaswani et al. 2017, head by head, with heads of keys that are shared in equal groups."""
    hidden, width = x.shape[-1], attention.width
    if attention.query is None:
        q, k, v = attention.inner(x).split(attention.sizes, -1)
    else:
        q, (k, v) = attention.query(x), attention.inner(memory).split(attention.sizes[1:], -1)
    heads, shared = hidden // width, hidden // k.shape[-1]
    taken = []
    for head in range(heads):
        query = q[..., head * width :][..., :width]
        key, value = (part[..., head // shared * width :][..., :width] for part in (k, v))
        scores = query @ key.transpose(1, 2) / math.sqrt(width)
        taken.append(scores.masked_fill(~mask, -torch.inf).softmax(-1) @ value)
    return attention.output(torch.cat(taken, -1))


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("kind", ["all", "causal", "padded", "cross"])
def test_attention_is_the_formula(kv_heads, kind):
    torch.manual_seed(0)
    attention = Attention(12, 4, kv_heads, 0.0, cross=kind == "cross").double()
    x, memory = torch.randn(3, 7, 12).double(), torch.randn(3, 5, 12).double()
    mask = torch.ones(3, 7, 5 if kind == "cross" else 7, dtype=torch.bool)
    given = {}
    if kind == "causal":
        mask, given = mask.tril(), {"causal": True}
    elif kind == "padded":
        mask, given = mask & inside(LENGTHS, x)[:, 0], {"mask": inside(LENGTHS, x)}
    elif kind == "cross":
        given = {"memory": memory}
    torch.testing.assert_close(attention(x, **given), by_formula(attention, x, memory, mask), rtol=1e-12, atol=1e-12)


def copied(parts, layer):
    """One of our blocks with the weights of ``nn.TransformerEncoderLayer`` or ``nn.TransformerDecoderLayer``."""
    cross = isinstance(layer, nn.TransformerDecoderLayer)
    block = TransformerBlock(parts, cross).double()
    pairs = [(block.feed_forward.linear1, layer.linear1), (block.feed_forward.linear2, layer.linear2)]
    pairs += [(block.attention.output, layer.self_attn.out_proj), (block.norm1, layer.norm1)]
    pairs += [(block.norm3, layer.norm3 if cross else layer.norm2)]
    packed = [(block.attention.inner.weight, layer.self_attn.in_proj_weight)]
    packed += [(block.attention.inner.bias, layer.self_attn.in_proj_bias)]
    if cross:
        pairs += [(block.cross.output, layer.multihead_attn.out_proj), (block.norm2, layer.norm2)]
        for ours, theirs in ((block.cross.query, slice(0, 12)), (block.cross.inner, slice(12, None))):
            packed.append((ours.weight, layer.multihead_attn.in_proj_weight[theirs]))
            packed.append((ours.bias, layer.multihead_attn.in_proj_bias[theirs]))
    for ours, theirs in pairs:
        ours.load_state_dict(theirs.state_dict())
    with torch.no_grad():
        for ours, theirs in packed:
            ours.copy_(theirs)
    return block


@pytest.mark.parametrize("order", ["pre", "post"])
@pytest.mark.parametrize("activation", ["gelu", "relu"])
@pytest.mark.parametrize("padded", [False, True])
def test_an_encoder_block_is_torchs(order, activation, padded):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(12, 3, 20, 0.0, activation, batch_first=True, norm_first=order == "pre").double()
    for parameter in layer.parameters():
        nn.init.normal_(parameter, 0, 0.3)
    block = copied(BlockParts(12, 3, units=20, activation=activation, norm_order=order), layer)
    x = torch.randn(3, 7, 12).double()
    mask = inside(LENGTHS, x) if padded else None
    expected = layer(x, src_key_padding_mask=~mask[:, 0, 0] if padded else None)
    torch.testing.assert_close(block(x, mask=mask), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("order", ["pre", "post"])
def test_a_decoder_block_is_torchs(order):
    torch.manual_seed(0)
    layer = nn.TransformerDecoderLayer(12, 3, 20, 0.0, batch_first=True, norm_first=order == "pre").double()
    for parameter in layer.parameters():
        nn.init.normal_(parameter, 0, 0.3)
    block = copied(BlockParts(12, 3, units=20, activation="relu", norm_order=order), layer)
    x, memory = torch.randn(3, 5, 12).double(), torch.randn(3, 7, 12).double()
    mask = inside(LENGTHS, memory)
    causal = nn.Transformer.generate_square_subsequent_mask(5).double()
    expected = layer(x, memory, causal, memory_key_padding_mask=~mask[:, 0, 0])
    torch.testing.assert_close(block(x, memory, memory_mask=mask, causal=True), expected, rtol=1e-10, atol=1e-10)


def test_swiglu_is_its_formula():
    torch.manual_seed(0)
    layer = TransformerBlock(BlockParts(12, 3, activation="swiglu")).feed_forward
    x = torch.randn(2, 5, 12)
    w, v = layer.linear1(x).split(32, -1)  # two thirds of 4 * 12
    torch.testing.assert_close(layer(x), layer.linear2(w * torch.sigmoid(w) * v))


def test_shared_heads_are_heads_repeated():
    torch.manual_seed(0)
    shared, apart = Attention(12, 4, 2, 0.0), Attention(12, 4, 4, 0.0)
    apart.output.load_state_dict(shared.output.state_dict())
    with torch.no_grad():
        for name in ("weight", "bias"):
            q, k, v = getattr(shared.inner, name).split(shared.sizes)
            repeated = [part.unflatten(0, (2, 3)).repeat_interleave(2, 0).flatten(0, 1) for part in (k, v)]
            getattr(apart.inner, name).copy_(torch.cat((q, *repeated)))
    x = torch.randn(3, 7, 12)
    torch.testing.assert_close(shared(x, causal=True), apart(x, causal=True))


def test_rotation_is_the_formula_and_tells_distances_only():
    torch.manual_seed(0)
    x, places = torch.randn(1, 1, 7, 6).double(), torch.arange(7)
    turned = rotated(x, rotation(places, 6))
    for place in range(7):
        for i in range(3):
            angle = place * 10000 ** (-2 * i / 6)
            pair = torch.complex(x[0, 0, place, i], x[0, 0, place, i + 3]) * torch.exp(torch.tensor(1j * angle))
            torch.testing.assert_close(turned[0, 0, place, i], pair.real, rtol=1e-6, atol=1e-6)
            torch.testing.assert_close(turned[0, 0, place, i + 3], pair.imag, rtol=1e-6, atol=1e-6)
    far = rotated(x, rotation(places + 50, 6))
    torch.testing.assert_close(turned @ turned.mT, far @ far.mT, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(turned @ turned.mT, x @ x.mT)


def test_attention_turns_queries_and_keys_and_nothing_else():
    """So what is taken depends on how far tokens stand apart only, and of one token it is what it is unturned."""
    torch.manual_seed(0)
    attention, x = Attention(12, 2, 1, 0.0).double(), torch.randn(3, 7, 12).double()
    first, far = (attention(x, rotation=rotation(torch.arange(7) + start, 6)) for start in (0, 50))
    torch.testing.assert_close(first, far, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(first, attention(x), rtol=1e-2)
    alone = attention(x[:, :1], rotation=rotation(torch.tensor([9]), 6))
    torch.testing.assert_close(alone, attention(x[:, :1]))


@pytest.mark.parametrize("width", [6, 7])
def test_sinusoids_are_the_formula(width):
    table = sinusoids(torch.arange(5), width)
    assert table.shape == (5, width)
    for place in range(5):
        for i in range(width):
            angle = place / 10000 ** ((i - i % 2) / width)
            assert table[place, i].item() == pytest.approx(math.cos(angle) if i % 2 else math.sin(angle), abs=1e-6)


def stack(positions="rotary", *, causal=True, cross=False, layers=2, **parts):
    torch.manual_seed(0)
    net = Transformer(BlockParts(12, 2, **parts), layers, positions, 16, causal=causal, cross=cross)
    draw(net, 0.3)
    return net


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary", "none"])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("parts", [{}, {"norm": "rms", "activation": "swiglu", "kv_heads": 1}, {"norm_order": "post"}])
def test_a_text_is_read_as_it_is_alone(positions, causal, parts):
    net, x = stack(positions, causal=causal, **parts).double(), torch.randn(3, 7, 12).double()
    together = net(x, LENGTHS)
    for row, length in enumerate(LENGTHS):
        torch.testing.assert_close(together[row, :length], net(x[row, None, :length])[0])
    there = torch.arange(7) < LENGTHS[:, None]
    other = x.where(there[..., None], 9.0)
    assert torch.equal(net(other, LENGTHS)[there], together[there])


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary", "none"])
@pytest.mark.parametrize("pieces", [(1,) * 7, (3, 4), (2, 1, 4)])
def test_what_is_read_piece_by_piece_is_what_is_read_at_once(positions, pieces):
    net, x = stack(positions, kv_heads=1, cross=True).double(), torch.randn(3, 7, 12).double()
    memory = torch.randn(3, 7, 12).double()
    given = {"memory": memory, "memory_lengths": LENGTHS}
    cache = net.cache()
    read = torch.cat([net(piece, **given, cache=cache) for piece in x.split(pieces, 1)], 1)
    assert cache.length == 7
    torch.testing.assert_close(read, net(x, **given), rtol=1e-10, atol=1e-10)


def test_a_cache_goes_on_with_the_examples_that_are_taken():
    net, x = stack(), torch.randn(3, 5, 12)
    cache, rows = net.cache(), torch.tensor([2, 0, 2, 1])
    net(x[:, :4], cache=cache)
    cache.take(rows)
    torch.testing.assert_close(net(x[rows, 4:], cache=cache), net(x)[rows, 4:])


def test_positions_make_a_difference():
    x = torch.randn(1, 1, 12).expand(1, 6, 12)
    for positions in ("learned", "sinusoidal"):
        outputs = stack(positions)(x)
        assert not torch.allclose(outputs[0, 0], outputs[0, 5]), positions
    x = torch.randn(1, 6, 12)
    swapped = x[:, [1, 0, 2, 3, 4, 5]]
    for positions, same in (("none", True), ("rotary", False)):
        net = stack(positions, causal=False)
        assert torch.allclose(net(x)[0, 5], net(swapped)[0, 5], atol=1e-5) == same


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "none"])
def test_what_is_added_to_tokens_is_their_position(positions):
    """Vaswani et al. 2017, section 3.4: sines are added to tokens that are √hidden times as large."""
    net, x = stack(positions, layers=0), torch.randn(3, 7, 12)
    net.norm = nn.Identity()
    expected = {
        "learned": lambda: x + net.table.weight[:7],
        "sinusoidal": lambda: x * math.sqrt(12) + sinusoids(torch.arange(7), 12),
        "none": lambda: x,
    }[positions]()
    torch.testing.assert_close(net(x), expected)


def test_bfloat16_is_near():
    net, x = stack(), torch.randn(3, 7, 12)
    exact = net(x)
    with torch.autocast("cpu", torch.bfloat16):
        near = net(x)
    assert near.isfinite().all()
    assert (near - exact).abs().mean() < 0.03
    half = net.bfloat16()(x.bfloat16())
    assert half.dtype == torch.bfloat16
    assert (half - exact).abs().mean() < 0.1


def test_weights_are_drawn_as_the_papers_do():
    torch.manual_seed(0)
    net = Transformer(BlockParts(64, 4), 8, "learned", 100, causal=True)
    for way in (draw, Auto()):
        way(net)
        ordinary = net.blocks[0].attention.inner.weight.std().item()
        end = net.blocks[3].feed_forward.linear2.weight.std().item()
        assert ordinary == pytest.approx(0.02 * 0.88, rel=0.05)  # the cut at two σ takes some
        assert end == pytest.approx(ordinary / 4, rel=0.05)  # two branches in each of 8 layers
        assert net.table.weight.std().item() == pytest.approx(ordinary, rel=0.05)
        assert not net.blocks[0].feed_forward.linear1.bias.any()


@pytest.mark.parametrize("dropped", ["dropout", "stochastic_depth"])
def test_what_is_left_out_is_left_out_in_training_only(dropped):
    torch.manual_seed(0)
    parts = BlockParts(12, 2, dropout=0.5 if dropped == "dropout" else 0.0)
    net = Transformer(parts, 2, "none", 16, causal=True, stochastic_depth=0.5 if dropped != "dropout" else 0.0)
    x = torch.randn(8, 7, 12)
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"hidden": 10, "heads": 4}, "expected a multiple of model.heads=4"),
        ({"hidden": 12, "heads": 4, "kv_heads": 3}, "expected a divisor of model.heads=4"),
        ({"hidden": 12, "heads": 4}, "Expected an even number"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(parts, message):
    with pytest.raises(ConfigError, match=message):
        Transformer(BlockParts(**parts), 1, "rotary", 16, causal=True)
