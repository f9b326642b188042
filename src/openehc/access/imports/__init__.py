"""Bulk import into the four registers from Excel workbooks and CSV files."""
