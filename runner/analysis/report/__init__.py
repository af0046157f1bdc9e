"""Reports: what runs, sweeps and ablations came to, on one page that needs no network, or in Markdown."""
