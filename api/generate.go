package api

//go:generate go build -o ../out/ google.golang.org/protobuf/cmd/protoc-gen-go google.golang.org/grpc/cmd/protoc-gen-go-grpc github.com/planetscale/vtprotobuf/cmd/protoc-gen-go-vtproto
//go:generate protoc -I . --plugin=../out/protoc-gen-go --plugin=../out/protoc-gen-go-grpc --plugin=../out/protoc-gen-go-vtproto --go_out=.. --go-grpc_out=.. --go-vtproto_out=.. --go_opt=module=github.com/fairway-mesh/fairway --go-grpc_opt=module=github.com/fairway-mesh/fairway --go-vtproto_opt=module=github.com/fairway-mesh/fairway,features=marshal+unmarshal+unmarshal_unsafe+size fairway/v1/router.proto
