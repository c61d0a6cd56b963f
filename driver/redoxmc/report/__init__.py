"""summary.json, plots and the HTML page: the only place that joins results and thermo."""
