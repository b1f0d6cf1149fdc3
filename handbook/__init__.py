"""Makes the site of the documentation: pages by hand from docs/, reference pages from the code itself."""
