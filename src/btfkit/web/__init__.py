"""An atlas as web pages, and as JSON beside them."""
