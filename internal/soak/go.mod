module github.com/go-smslink/smslink/internal/soak

go 1.25.0

// Never released: it only tests the root beside it.
replace github.com/go-smslink/smslink => ../..

require (
	github.com/go-smslink/smslink v0.0.0-00010101000000-000000000000
	github.com/stretchr/testify v1.12.1
	go.uber.org/goleak v1.3.0
	golang.org/x/net v0.52.0
)

require (
	github.com/dsnet/compress v0.0.1 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/text v0.35.0 // indirect
)
