"""The process in which a tracker lives, so that nothing it does can slow or end a training."""
