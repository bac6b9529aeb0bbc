"""What tests share: a real broker, a talking car, a driven core."""
