"""Bulk import of institutions and terminals from Excel workbooks and CSV files."""
