package main

import (
	"net"
	"strings"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	listers "k8s.io/client-go/listers/core/v1"
)

const (
	zone = "cluster.local."
	// ttl is short, because a Service that is deleted and made again has another address.
	ttl = 5
)

// answerer answers questions from the Services that the API server told of.
type answerer struct {
	services listers.ServiceLister
}

// ServeDNS implements dns.Handler.
func (a answerer) ServeDNS(writer dns.ResponseWriter, request *dns.Msg) {
	// The asker has gone when it cannot be answered.
	_ = writer.WriteMsg(a.answer(request))
}

func (a answerer) answer(request *dns.Msg) *dns.Msg {
	reply := new(dns.Msg).SetReply(request)
	if request.Opcode != dns.OpcodeQuery || len(request.Question) != 1 {
		return reply.SetRcode(request, dns.RcodeNotImplemented)
	}
	reply.Authoritative = true
	question := request.Question[0]
	address, found := a.lookup(question.Name)
	if !found {
		reply.Rcode = dns.RcodeNameError
	}
	// A name without a record of the type that was asked for is an empty answer. Some resolvers give up on a name
	// when one of its two address types is said not to exist.
	if address != nil && (question.Qtype == dns.TypeA || question.Qtype == dns.TypeANY) {
		reply.Answer = append(reply.Answer, &dns.A{Hdr: header(question.Name, dns.TypeA), A: address})
	} else {
		reply.Ns = append(reply.Ns, startOfAuthority())
	}
	return reply
}

// lookup returns whether the name exists, and the address of its Service when that has one.
func (a answerer) lookup(name string) (net.IP, bool) {
	labels := dns.SplitDomainName(strings.ToLower(name))
	if len(labels) != 5 || strings.Join(labels[2:], ".")+"." != "svc."+zone {
		return nil, false
	}
	service, err := a.services.Services(labels[1]).Get(labels[0])
	if err != nil {
		return nil, false
	}
	if service.Spec.ClusterIP == corev1.ClusterIPNone {
		return nil, true
	}
	return net.ParseIP(service.Spec.ClusterIP).To4(), true
}

func header(name string, kind uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: ttl}
}

// startOfAuthority says for how long an absence may be remembered.
func startOfAuthority() dns.RR {
	return &dns.SOA{
		Hdr: header(zone, dns.TypeSOA), Ns: "ns." + zone, Mbox: "hostmaster." + zone,
		Serial: 1, Refresh: 7200, Retry: 1800, Expire: 86400, Minttl: ttl,
	}
}
