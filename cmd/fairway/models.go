package main

import (
	"bytes"
	"embed"
	"fmt"

	"github.com/fairway-mesh/fairway/model"
)

// noModel is the value of --model for none at all.
const noModel = "none"

//go:embed models/*.model models/five.yaml
var bundledModels embed.FS

// The models that ship.
const (
	routingModelFile  = "models/routing.model"
	forecastModelFile = "models/forecast.model"
	logisticModelFile = "models/forecast-logistic.model"
	fleetModelFile    = "models/fleet.model"
)

// bundledModel is a model that ships.
func bundledModel(name string) (*model.Model, error) {
	text, err := bundledModels.ReadFile(name)
	if err != nil {
		return nil, err
	}
	m, err := model.Read(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("%s, which ships: %w", name, err)
	}
	return m, nil
}
