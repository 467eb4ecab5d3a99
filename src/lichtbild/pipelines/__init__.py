"""Recipes of whole pictures: each fits one screen and reads like the recipe of a dish."""
