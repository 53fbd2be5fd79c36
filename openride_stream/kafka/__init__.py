"""What the application needs of Kafka itself: topics, cluster id, end offsets, lag. Knows no Faust."""
