module github.com/go-smslink/smslink/outbox

go 1.25.0

replace github.com/go-smslink/smslink => ../

require (
	github.com/go-smslink/smslink v0.0.0-00010101000000-000000000000
	github.com/pressly/goose/v3 v3.27.0
	github.com/stretchr/testify v1.12.1
)

require (
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/mfridman/interpolate v0.0.2 // indirect
	github.com/sethvargo/go-retry v0.3.0 // indirect
	go.uber.org/multierr v1.11.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sync v0.19.0 // indirect
)
