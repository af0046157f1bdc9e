"""What published weights expect images to be shifted and divided by."""

# Of red, green and blue in [0, 1], by the name in ``data.scaling``.
SCALINGS = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "symmetric": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}
