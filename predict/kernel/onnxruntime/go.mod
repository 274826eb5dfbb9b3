module github.com/fairway-mesh/fairway/predict/kernel/onnxruntime

go 1.26.0

require (
	github.com/fairway-mesh/fairway v0.0.0
	github.com/yalue/onnxruntime_go v1.27.0
)

require (
	golang.org/x/sys v0.48.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

replace github.com/fairway-mesh/fairway => ../../..
