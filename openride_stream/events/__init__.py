"""The event contract: types, decoding, identity, masking, JSON Schema. Pure: no I/O, no Kafka, no store."""
