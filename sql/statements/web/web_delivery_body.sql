select web_delivery_body(%(digest)s, %(delivery)s)
