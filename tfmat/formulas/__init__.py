"""What a formula is: parsing, and compositions as arrays."""
