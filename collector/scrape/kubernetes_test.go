// SPDX-License-Identifier: Apache-2.0

//go:build kubernetes

package scrape_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/streaming"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"
	restwatch "k8s.io/client-go/rest/watch"
)

// fakeAPIServer is not kube-apiserver: it lists and watches pods as the API's conventions say, in Protobuf by Kubernetes's own encoders, with
// resource versions, the initial events of a watch and a bearer token. kube-apiserver is in no registry that the build may need. The client
// is client-go, as Prometheus uses it.
type fakeAPIServer struct {
	token string
	// listOnly knows no initial events of a watch: clients list first.
	listOnly bool
	info     runtime.SerializerInfo

	mu      sync.Mutex
	pods    map[string]*corev1.Pod
	events  []watch.Event // the one at i has resource version i+1
	changed chan struct{} // closed at each event
	lists   int
	watches int
}

func newFakeAPIServer(t *testing.T, token string, listOnly bool) (f *fakeAPIServer, url string) {
	t.Helper()
	info, ok := runtime.SerializerInfoForMediaType(scheme.Codecs.SupportedMediaTypes(), runtime.ContentTypeProtobuf)
	require.True(t, ok)
	f = &fakeAPIServer{token: token, listOnly: listOnly, info: info, pods: map[string]*corev1.Pod{}, changed: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/pods", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		switch {
		case r.Header.Get("Authorization") != "Bearer "+f.token:
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
		case listOnly && q.Get("sendInitialEvents") != "":
			http.Error(w, "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled", http.StatusUnprocessableEntity)
		case q.Get("watch") == "true" || q.Get("watch") == "1":
			f.watch(w, r)
		default:
			f.list(w)
		}
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return f, srv.URL
}

func (f *fakeAPIServer) list(w http.ResponseWriter) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lists++
	list := &corev1.PodList{ListMeta: metav1.ListMeta{ResourceVersion: strconv.Itoa(len(f.events))}}
	for _, pod := range f.pods {
		list.Items = append(list.Items, *pod)
	}
	w.Header().Set("Content-Type", f.info.MediaType)
	_ = scheme.Codecs.EncoderForVersion(f.info.Serializer, corev1.SchemeGroupVersion).Encode(list, w)
}

func (f *fakeAPIServer) watch(w http.ResponseWriter, r *http.Request) {
	flush := w.(http.Flusher).Flush
	w.Header().Set("Content-Type", f.info.MediaType+";stream=watch")
	out := restwatch.NewEncoder(
		streaming.NewEncoder(f.info.StreamSerializer.NewFrameWriter(w), f.info.StreamSerializer.Serializer),
		scheme.Codecs.EncoderForVersion(f.info.Serializer, corev1.SchemeGroupVersion),
	)
	f.mu.Lock()
	next, _ := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
	if r.URL.Query().Get("sendInitialEvents") == "true" {
		for _, pod := range f.pods {
			_ = out.Encode(&watch.Event{Type: watch.Added, Object: pod})
		}
		next = len(f.events)
		_ = out.Encode(&watch.Event{Type: watch.Bookmark, Object: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			ResourceVersion: strconv.Itoa(next), Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"},
		}}})
	}
	f.watches++
	for {
		for ; next < len(f.events); next++ {
			_ = out.Encode(&f.events[next])
		}
		flush()
		changed := f.changed
		f.mu.Unlock()
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
		f.mu.Lock()
	}
}

// set adds, changes or deletes a pod.
func (f *fakeAPIServer) set(kind watch.EventType, pod *corev1.Pod) {
	f.mu.Lock()
	defer f.mu.Unlock()
	pod = pod.DeepCopy()
	pod.ResourceVersion = strconv.Itoa(len(f.events) + 1)
	f.events = append(f.events, watch.Event{Type: kind, Object: pod})
	if f.pods[pod.Name] = pod; kind == watch.Deleted {
		delete(f.pods, pod.Name)
	}
	close(f.changed)
	f.changed = make(chan struct{})
}

// TestKubernetes: pods that are there, that appear, that change and that go, from an API server of today and from an older one.
func TestKubernetes(t *testing.T) {
	t.Parallel()
	for name, listOnly := range map[string]bool{"watch": false, "list": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testKubernetes(t, listOnly)
		})
	}
}

func testKubernetes(t *testing.T, listOnly bool) {
	t.Helper()
	api, url := newFakeAPIServer(t, "secret", listOnly)
	pod := func(name, version string, port int) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Name: name, Namespace: "shop", UID: "1", Labels: map[string]string{"app.kubernetes.io/version": version},
				Annotations: map[string]string{"prometheus.io/scrape": "true"},
			},
			Spec: corev1.PodSpec{
				NodeName:   "node1",
				Containers: []corev1.Container{{Name: "web", Ports: []corev1.ContainerPort{{Name: "metrics", ContainerPort: int32(port), Protocol: corev1.ProtocolTCP}}}},
			},
			Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "127.0.0.1", PodIPs: []corev1.PodIP{{IP: "127.0.0.1"}}},
		}
	}
	one, two, three := target(t, local(0), "one"), target(t, local(0), "two"), target(t, local(0), "three")
	quiet := pod("quiet", "v1", three)
	quiet.Annotations = nil
	api.set(watch.Added, pod("web-1", "v1", one))
	api.set(watch.Added, quiet)

	s, next := newStore(t)
	start(t, next, job(t, `{job_name: pods, kubernetes_sd_configs: [{role: pod, api_server: "`+url+`", authorization: {credentials: secret}}], relabel_configs: [
		{source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape], regex: "true", action: keep},
		{source_labels: [__meta_kubernetes_namespace], target_label: namespace}, {source_labels: [__meta_kubernetes_pod_name], target_label: pod},
		{source_labels: [__meta_kubernetes_pod_node_name], target_label: node}, {source_labels: [__meta_kubernetes_pod_container_name], target_label: container},
		{source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_version], target_label: version}]}`))
	want := func(pod, program, version string, port int) string {
		return fmt.Sprintf("container=web instance=%s namespace=shop node=node1 pod=%s program=%s version=%s", local(port), pod, program, version)
	}
	s.wait(t, "pods", want("web-1", "one", "v1", one))

	api.set(watch.Added, pod("web-2", "v1", two))
	s.wait(t, "pods", want("web-1", "one", "v1", one), want("web-2", "two", "v1", two))

	api.set(watch.Deleted, pod("web-1", "v1", one))
	api.set(watch.Modified, pod("web-2", "v2", two))
	s.wait(t, "pods", want("web-2", "two", "v2", two))
	api.mu.Lock()
	defer api.mu.Unlock()
	require.Equal(t, 1, api.watches, "what changed came by the watch that was begun first")
	require.Equal(t, map[bool]int{true: 1}[listOnly], api.lists)
}
