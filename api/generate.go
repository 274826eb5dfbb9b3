package api

//go:generate go build -o ../out/ google.golang.org/protobuf/cmd/protoc-gen-go google.golang.org/grpc/cmd/protoc-gen-go-grpc
//go:generate protoc -I . --plugin=../out/protoc-gen-go --plugin=../out/protoc-gen-go-grpc --go_out=.. --go-grpc_out=.. --go_opt=module=github.com/fairway-mesh/fairway --go-grpc_opt=module=github.com/fairway-mesh/fairway fairway/v1/router.proto
