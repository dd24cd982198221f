package main

import (
	"testing"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

func service(namespace, name, address string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       corev1.ServiceSpec{ClusterIP: address},
	}
}

func TestAnswers(t *testing.T) {
	indexer := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	for _, s := range []*corev1.Service{
		service("default", "kubernetes", "198.19.0.1"), service("db", "headless", corev1.ClusterIPNone), service("db", "outside", ""),
	} {
		if err := indexer.Add(s); err != nil {
			t.Fatal(err)
		}
	}
	a := answerer{services: listers.NewServiceLister(indexer)}

	for _, test := range []struct {
		name    string
		kind    uint16
		code    int
		address string
	}{
		{"kubernetes.default.svc.cluster.local.", dns.TypeA, dns.RcodeSuccess, "198.19.0.1"},
		{"Kubernetes.DEFAULT.svc.cluster.local.", dns.TypeA, dns.RcodeSuccess, "198.19.0.1"},
		// A name that exists, without such a record.
		{"kubernetes.default.svc.cluster.local.", dns.TypeAAAA, dns.RcodeSuccess, ""},
		{"headless.db.svc.cluster.local.", dns.TypeA, dns.RcodeSuccess, ""},
		{"outside.db.svc.cluster.local.", dns.TypeA, dns.RcodeSuccess, ""},
		{"kubernetes.db.svc.cluster.local.", dns.TypeA, dns.RcodeNameError, ""},
		// What the search list of a pod makes of a name that is longer already.
		{"kubernetes.default.svc.default.svc.cluster.local.", dns.TypeA, dns.RcodeNameError, ""},
		{"kubernetes.default.svc.example.org.", dns.TypeA, dns.RcodeNameError, ""},
		{"kubernetes.default.pod.cluster.local.", dns.TypeA, dns.RcodeNameError, ""},
		{".", dns.TypeA, dns.RcodeNameError, ""},
	} {
		reply := a.answer(new(dns.Msg).SetQuestion(test.name, test.kind))
		address := ""
		if len(reply.Answer) == 1 {
			address = reply.Answer[0].(*dns.A).A.String()
		}
		if reply.Rcode != test.code || address != test.address || !reply.Authoritative {
			t.Errorf("%s %s: %v", test.name, dns.TypeToString[test.kind], reply)
		}
		if (address == "") != (len(reply.Ns) == 1) {
			t.Errorf("%s: authority of an absence: %v", test.name, reply.Ns)
		}
		if _, err := reply.Pack(); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}
