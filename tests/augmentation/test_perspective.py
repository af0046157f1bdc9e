import pytest
import torch
from torchvision.transforms.v2 import functional as TF

from runner.augmentation.geometry.warp import warp
from runner.augmentation.perspective import Perspective, perspective_matrix


def corners(height, width):
    w, h = width - 1.0, height - 1.0
    return torch.tensor(
        [
            [[0, 0], [w, 0], [w, h], [0, h]],
            [[1, 0], [w - 1, 1], [w, h], [0, h - 1]],
            [[2, 1], [w, 0], [w - 2, h - 2], [1, h]],
            [[0, 2], [w - 2, 0], [w - 1, h], [2, h - 1]],
        ]
    )


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 9, 7), (2, 8, 14)])
def test_per_image_as_torchvision(shape):
    torch.manual_seed(0)
    _, h, w = shape
    ends = corners(h, w)
    images = torch.randn(len(ends), *shape)
    changed = warp(images, perspective_matrix(ends, h, w), "zeros", projective=True)
    starts = [[0, 0], [w - 1, 0], [w - 1, h - 1], [0, h - 1]]
    for result, image, end in zip(changed, images, ends.int().tolist(), strict=True):
        # torchvision takes the corners of pixels for their centres: its shift of half a pixel is ours to the letter
        # only where nothing is tilted. So the reference is told where the centres go.
        expected = TF.perspective(image, None, None, coefficients=by_hand(starts, end))
        torch.testing.assert_close(result, expected, atol=2e-4, rtol=1e-4)


def by_hand(starts, ends):
    """Coefficients from places in the result to those in the image, of pixels whose centres lie at halves."""
    rows, right = [], []
    for (x, y), (u, v) in zip(starts, ends, strict=True):
        x, y, u, v = x + 0.5, y + 0.5, u + 0.5, v + 0.5
        rows += [[u, v, 1, 0, 0, 0, -x * u, -x * v], [0, 0, 0, u, v, 1, -y * u, -y * v]]
        right += [x, y]
    return torch.linalg.solve(torch.tensor(rows).double(), torch.tensor(right).double()).tolist()


def test_corners_go_where_they_are_told():
    ends = corners(9, 7)
    matrix = perspective_matrix(ends, 9, 7)
    own = torch.tensor([[-3.0, -4.0, 1.0], [3.0, -4.0, 1.0], [3.0, 4.0, 1.0], [-3.0, 4.0, 1.0]])
    to = own @ matrix.transpose(1, 2)
    torch.testing.assert_close(to[..., :2] / to[..., 2:] + torch.tensor([3.0, 4.0]), ends, atol=1e-4, rtol=0)


def test_draws_are_those_of_torchvision():
    """Each corner moves by 0 to its share of half a side, both ways apart, in the chosen images."""
    torch.manual_seed(0)
    n, h, w = 30000, 21, 41
    matrix, *_ = Perspective(distortion=0.5, p=0.4).draw(torch.empty(n, 1, h, w))
    still = (matrix - torch.eye(3)).abs().amax((1, 2)) < 1e-5
    assert abs(still.float().mean().item() - 0.6) < 0.02
    middle = torch.tensor([(w - 1) / 2, (h - 1) / 2])
    own = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]) * middle
    to = torch.cat([own, torch.ones(4, 1)], 1) @ matrix[~still].transpose(1, 2)
    inwards = (own - to[..., :2] / to[..., 2:]) * own.sign()
    for axis, reach in ((0, 10), (1, 5)):
        moves = inwards[..., axis].round().long()
        for corner in range(4):
            shares = torch.bincount(moves[:, corner], minlength=reach + 1) / len(moves)
            torch.testing.assert_close(shares, torch.full((reach + 1,), 1 / (reach + 1)), atol=0.015, rtol=0)


def test_a_single_pixel_stays():
    images = torch.randn(4, 1, 1, 1)
    technique = Perspective(1.0, 1.0)
    torch.testing.assert_close(technique.apply(images, *technique.draw(images)), images)
