"""When things run: a schedule per connection, and the sensor that tries again."""
