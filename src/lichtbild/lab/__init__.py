"""Measured quality: pictures of charts, and pictures beside their truth."""
