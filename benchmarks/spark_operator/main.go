// The controller of kubeflow's spark-operator as a program: its own main package lies in a module with replacements,
// which `go install` refuses.
package main

import (
	"os"

	"github.com/kubeflow/spark-operator/v2/cmd/operator/controller"
)

func main() {
	if controller.NewCommand().Execute() != nil {
		os.Exit(1)
	}
}
