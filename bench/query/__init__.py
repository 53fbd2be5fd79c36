"""How quickly every figure is answered over half a year of events."""
