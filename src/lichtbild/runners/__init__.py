"""Many bursts at once: studies that simulate, develop and measure, over cameras and recipes."""
