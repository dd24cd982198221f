package main

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func testCredentials(t *testing.T) credentials {
	t.Helper()
	creds, err := newCredentials(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return creds
}

func parseCertificate(t *testing.T, content []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(content)
	if block == nil {
		t.Fatal("no PEM block")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestServingCertificateIsTrustedForEveryName(t *testing.T) {
	creds := testCredentials(t)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(creds.authority)
	serving := parseCertificate(t, creds.serving.certificate)
	for _, name := range []string{"127.0.0.1", serviceAddress, hostAddress, "localhost", "kubernetes.default.svc"} {
		if _, err := serving.Verify(x509.VerifyOptions{DNSName: name, Roots: roots}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAdminIsAMasterAndOnlyAClient(t *testing.T) {
	creds := testCredentials(t)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(creds.authority)
	admin := parseCertificate(t, creds.admin.certificate)
	if groups := admin.Subject.Organization; len(groups) != 1 || groups[0] != "system:masters" {
		t.Errorf("groups: %v", groups)
	}
	verify := func(usage x509.ExtKeyUsage) error {
		_, err := admin.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{usage}})
		return err
	}
	if err := verify(x509.ExtKeyUsageClientAuth); err != nil {
		t.Error(err)
	}
	if verify(x509.ExtKeyUsageServerAuth) == nil {
		t.Error("the client certificate also serves")
	}
}

func TestServiceAccountKeysBelongTogether(t *testing.T) {
	creds := testCredentials(t)
	private, _ := pem.Decode(creds.serviceAccountKey)
	public, _ := pem.Decode(creds.serviceAccountPublicKey)
	key, err := x509.ParsePKCS8PrivateKey(private.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := x509.ParsePKIXPublicKey(public.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if !key.(*ecdsa.PrivateKey).PublicKey.Equal(verifier) {
		t.Error("the keys differ")
	}
}

func TestWrittenFilesArePrivate(t *testing.T) {
	folder := t.TempDir()
	if err := testCredentials(t).write(folder); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 5 {
		t.Fatalf("%v %v", entries, err)
	}
	for _, entry := range entries {
		info, err := os.Stat(filepath.Join(folder, entry.Name()))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", entry.Name(), info.Mode(), err)
		}
	}
}
