module lapbell.dev/peers/jaeger

go 1.26
