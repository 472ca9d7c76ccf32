"""RabbitMQ behind the inbound contract: consuming, settling, publishing, dead letters, topology."""
