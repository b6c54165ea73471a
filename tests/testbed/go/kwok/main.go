// Command kwok plays the kubelet of fake nodes, with kwok's controllers and its own rules for nodes and pods.
//
// Usage: kwok KUBECONFIG
//
// kwok's own command also brings a server for logs and exec, which needs another version of Kubernetes.
package main

import (
	"context"
	"fmt"
	"os"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/kwok/kustomize/stage/node/fast"
	heartbeat "sigs.k8s.io/kwok/kustomize/stage/node/heartbeat-with-lease"
	podfast "sigs.k8s.io/kwok/kustomize/stage/pod/fast"
	"sigs.k8s.io/kwok/pkg/apis/internalversion"
	"sigs.k8s.io/kwok/pkg/client/clientset/versioned"
	"sigs.k8s.io/kwok/pkg/config"
	"sigs.k8s.io/kwok/pkg/kwok/controllers"
	"sigs.k8s.io/kwok/pkg/utils/client"
)

var rules = []string{
	fast.DefaultNodeInit,
	heartbeat.DefaultNodeHeartbeatWithLease,
	podfast.DefaultPodReady,
	podfast.DefaultPodComplete,
	podfast.DefaultPodDelete,
}

func main() {
	ctx := context.Background()
	if err := run(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	<-ctx.Done()
}

func run(ctx context.Context, kubeconfig string) error {
	stages := map[internalversion.StageResourceRef][]*internalversion.Stage{}
	for _, rule := range rules {
		stage, err := config.UnmarshalWithType[*internalversion.Stage](rule)
		if err != nil {
			return err
		}
		stages[stage.Spec.ResourceRef] = append(stages[stage.Spec.ResourceRef], stage)
	}
	settings, err := clients(kubeconfig)
	if err != nil {
		return err
	}
	settings.Clock = clock.RealClock{}
	settings.LocalStages = stages
	settings.ManageNodesWithAnnotationSelector = "kwok.x-k8s.io/node=fake"
	settings.CIDR = "10.0.0.1/16"
	settings.PodPlayStageParallelism = 8
	settings.NodePlayStageParallelism = 4
	settings.NodeLeaseParallelism = 4
	settings.PodsOnNodeSyncParallelism = 4
	settings.NodeLeaseDurationSeconds = 40
	settings.EnablePodsOnNodeSyncListPager = true
	settings.ID = "testbed"
	controller, err := controllers.NewController(settings)
	if err != nil {
		return err
	}
	return controller.Start(ctx)
}

func clients(kubeconfig string) (settings controllers.Config, err error) {
	set, err := client.NewClientset("", kubeconfig)
	if err != nil {
		return settings, err
	}
	settings.ImpersonatingDynamicClient = set.ToImpersonatingDynamicClient()
	settings.ImpersonatingTypedClient = set.ToImpersonatingTypedClient()
	if settings.DynamicClient, err = set.ToDynamicClient(); err != nil {
		return settings, err
	}
	if settings.RESTMapper, err = set.ToRESTMapper(); err != nil {
		return settings, err
	}
	access, err := set.ToRESTConfig()
	if err != nil {
		return settings, err
	}
	if settings.RESTClient, err = rest.RESTClientFor(access); err != nil {
		return settings, err
	}
	if settings.TypedClient, err = kubernetes.NewForConfig(access); err != nil {
		return settings, err
	}
	settings.TypedKwokClient, err = versioned.NewForConfig(access)
	return settings, err
}
