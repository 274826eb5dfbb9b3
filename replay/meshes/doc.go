// Package meshes draws simulated meshes at random, to learn and to tune on:
// everything that a scenario may say is drawn from a broad distribution. None
// of them is a built-in scenario, which are what is judged by: their seeds are
// far from those that the built-in ones are run with, and what is a round
// number there is drawn from a continuum here.
package meshes
