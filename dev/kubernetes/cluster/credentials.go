package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// serviceAddress is the first address of serviceRange, which the API server takes for its own service.
const (
	serviceRange   = "198.19.0.0/24"
	serviceAddress = "198.19.0.1"
)

// keyPair is a certificate and its private key, both PEM.
type keyPair struct {
	certificate, key []byte
}

// credentials are all keys and certificates of one cluster.
type credentials struct {
	issuer         *authority
	authority      []byte
	serving, admin keyPair
	// The service-account keys are bare: tokens are verified with the public key, not a certificate.
	serviceAccountKey, serviceAccountPublicKey []byte
}

func newCredentials(now time.Time) (credentials, error) {
	authority, err := newAuthority(now)
	if err != nil {
		return credentials{}, err
	}
	serving, err := authority.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{
			"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
			"kubernetes.default.svc.cluster.local",
		},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.ParseIP(serviceAddress), net.ParseIP(hostAddress)},
	})
	if err != nil {
		return credentials{}, err
	}
	admin, err := authority.issueClient("admin", "system:masters")
	if err != nil {
		return credentials{}, err
	}
	signer, signerPEM, err := newKey()
	if err != nil {
		return credentials{}, err
	}
	public, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return credentials{}, err
	}
	return credentials{
		issuer:                  authority,
		authority:               encode("CERTIFICATE", authority.certificate.Raw),
		serving:                 serving,
		admin:                   admin,
		serviceAccountKey:       signerPEM,
		serviceAccountPublicKey: encode("PUBLIC KEY", public),
	}, nil
}

// authority signs the certificates of one cluster.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

func newAuthority(now time.Time) (*authority, error) {
	key, _, err := newKey()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "dataworks-test-ca"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(1, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	certificate, err := sign(template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &authority{certificate: certificate, key: key}, nil
}

// issue completes the template and signs it for a new key.
func (a *authority) issue(template *x509.Certificate) (keyPair, error) {
	key, keyPEM, err := newKey()
	if err != nil {
		return keyPair{}, err
	}
	template.NotBefore, template.NotAfter = a.certificate.NotBefore, a.certificate.NotAfter
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.BasicConstraintsValid = true
	certificate, err := sign(template, a.certificate, key.Public(), a.key)
	if err != nil {
		return keyPair{}, err
	}
	return keyPair{certificate: encode("CERTIFICATE", certificate.Raw), key: keyPEM}, nil
}

// issueClient names a user and its groups.
func (a *authority) issueClient(user string, groups ...string) (keyPair, error) {
	return a.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: user, Organization: groups},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial.Add(serial, big.NewInt(1))
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("sign the certificate of %s: %w", template.Subject.CommonName, err)
	}
	return x509.ParseCertificate(der)
}

// newKey makes an elliptic key: RSA keys take noticeably longer than everything else here.
func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return key, encode("PRIVATE KEY", der), nil
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// write puts into the folder what the API server reads from files.
func (c credentials) write(folder string) error {
	return writeFiles(folder, map[string][]byte{
		authorityFile:               c.authority,
		servingCertificateFile:      c.serving.certificate,
		servingKeyFile:              c.serving.key,
		serviceAccountKeyFile:       c.serviceAccountKey,
		serviceAccountPublicKeyFile: c.serviceAccountPublicKey,
	})
}

func writeFiles(folder string, files map[string][]byte) error {
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

const (
	authorityFile               = "ca.crt"
	servingCertificateFile      = "apiserver.crt"
	servingKeyFile              = "apiserver.key"
	serviceAccountKeyFile       = "service-account.key"
	serviceAccountPublicKeyFile = "service-account.pub"
)
