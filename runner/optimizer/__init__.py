"""How parameters are grouped for torch's optimizers."""
