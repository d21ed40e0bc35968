module github.com/go-smslink/smslink/cmd/smslink

go 1.25.0

// Until the root has a first tag; CONTRIBUTING.md's release steps drop it.
replace github.com/go-smslink/smslink => ../..

require (
	github.com/go-smslink/smslink v0.0.0-00010101000000-000000000000
	github.com/spf13/cobra v1.10.2
	github.com/stretchr/testify v1.12.1
)

require (
	github.com/dsnet/compress v0.0.1 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/spf13/pflag v1.0.9 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)
