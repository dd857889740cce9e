// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"
)

// serviceMonitor is what of the Prometheus operator's type the chart uses.
type serviceMonitor struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		JobLabel  string               `json:"jobLabel"`
		Selector  metav1.LabelSelector `json:"selector"`
		Endpoints []struct {
			Port, Path, Interval string
			Authorization        struct {
				Type        string                   `json:"type"`
				Credentials corev1.SecretKeySelector `json:"credentials"`
			} `json:"authorization"`
		} `json:"endpoints"`
	} `json:"spec"`
}

// typed returns the Go type of a manifest, so that a field that does not exist is an error.
func typed(apiVersion, kind string) (any, error) {
	switch apiVersion + " " + kind {
	case "v1 ConfigMap":
		return &corev1.ConfigMap{}, nil
	case "v1 Service":
		return &corev1.Service{}, nil
	case "apps/v1 Deployment":
		return &appsv1.Deployment{}, nil
	case "apps/v1 DaemonSet":
		return &appsv1.DaemonSet{}, nil
	case "v1 ServiceAccount":
		return &corev1.ServiceAccount{}, nil
	case "rbac.authorization.k8s.io/v1 ClusterRole":
		return &rbacv1.ClusterRole{}, nil
	case "rbac.authorization.k8s.io/v1 ClusterRoleBinding":
		return &rbacv1.ClusterRoleBinding{}, nil
	case "apps/v1 StatefulSet":
		return &appsv1.StatefulSet{}, nil
	case "policy/v1 PodDisruptionBudget":
		return &policyv1.PodDisruptionBudget{}, nil
	case "monitoring.coreos.com/v1 ServiceMonitor":
		return &serviceMonitor{}, nil
	default:
		return nil, fmt.Errorf("%s %s is not known to this test", apiVersion, kind)
	}
}

// decode returns the objects of a manifest by kind and name.
func decode(t *testing.T, manifest string) map[string]any {
	t.Helper()
	out := map[string]any{}
	for _, doc := range strings.Split("\n"+manifest, "\n---\n") {
		var head struct {
			metav1.TypeMeta `json:",inline"`
			Metadata        metav1.ObjectMeta `json:"metadata"`
		}
		must(t, yaml.Unmarshal([]byte(doc), &head))
		if head.Kind == "" {
			continue
		}
		into, err := typed(head.APIVersion, head.Kind)
		must(t, err)
		id := head.Kind + "/" + head.Metadata.Name
		if err := yaml.UnmarshalStrict([]byte(doc), into); err != nil {
			t.Errorf("%s: %v", id, err)
		}
		if out[id] != nil {
			t.Errorf("%s is there twice", id)
		}
		for _, msg := range validation.IsDNS1035Label(head.Metadata.Name) {
			t.Errorf("%s: %s", id, msg)
		}
		for k, v := range head.Metadata.Labels {
			for _, msg := range append(validation.IsQualifiedName(k), validation.IsValidLabelValue(v)...) {
				t.Errorf("%s: label %s: %s", id, k, msg)
			}
		}
		out[id] = into
	}
	checkSelectors(t, out)
	return out
}

// checkSelectors checks that every selector of a workload, and of a service, selects pods that there are.
func checkSelectors(t *testing.T, objects map[string]any) {
	t.Helper()
	pods := map[string]map[string]string{}
	for id, o := range objects {
		var selector, labels map[string]string
		switch o := o.(type) {
		case *appsv1.Deployment:
			selector, labels = o.Spec.Selector.MatchLabels, o.Spec.Template.Labels
		case *appsv1.DaemonSet:
			selector, labels = o.Spec.Selector.MatchLabels, o.Spec.Template.Labels
		case *appsv1.StatefulSet:
			selector, labels = o.Spec.Selector.MatchLabels, o.Spec.Template.Labels
		default:
			continue
		}
		pods[id] = labels
		if !selects(selector, labels) {
			t.Errorf("%s does not select its own pods", id)
		}
	}
	for id, o := range objects {
		var selector map[string]string
		switch o := o.(type) {
		case *corev1.Service:
			selector = o.Spec.Selector
		case *policyv1.PodDisruptionBudget:
			selector = o.Spec.Selector.MatchLabels
		default:
			continue
		}
		n := 0
		for _, labels := range pods {
			if selects(selector, labels) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s selects the pods of %d workloads", id, n)
		}
	}
}

func selects(selector, labels map[string]string) bool {
	for k, v := range selector {
		if labels[k] != v {
			return false
		}
	}
	return len(selector) > 0
}
