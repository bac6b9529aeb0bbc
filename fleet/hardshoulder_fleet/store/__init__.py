"""The fleet's database: tables, the way they came about, and what is read and changed in one transaction."""
