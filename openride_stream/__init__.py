"""OpenRide Stream: the real-time analytics of a ride-hailing platform, on Faust and ClickHouse."""

__version__ = "0.1.0"
