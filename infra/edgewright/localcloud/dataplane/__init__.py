"""What workerd calls: KV, Workers AI and the Analytics Engine sink, on one unix socket."""
