// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

const (
	secretPrefix              = "whsec_"
	minSecretLen              = 8
	maxSecretLen              = 128
	minKeyLen, maxKeyLen      = 24, 64 // Standard Webhooks, for secrets in its own notation.
	signatureVersion          = "v1,"
	headerID, headerTimestamp = "Webhook-Id", "Webhook-Timestamp"
	headerSignature           = "Webhook-Signature"
)

// validateSecret says whether a secret can sign: "whsec_" and base64 of 24 to 64 bytes, or any text of 8 to 128 bytes. An empty secret
// means that requests are not signed.
func validateSecret(secret string) error {
	if secret == "" {
		return nil
	}
	if encoded, ok := strings.CutPrefix(secret, secretPrefix); ok {
		key, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return errors.New("secret: after whsec_ there must be base64")
		}
		if len(key) < minKeyLen || len(key) > maxKeyLen {
			return fmt.Errorf("secret: %d bytes after whsec_, must be %d to %d", len(key), minKeyLen, maxKeyLen)
		}
		return nil
	}
	if len(secret) < minSecretLen || len(secret) > maxSecretLen {
		return fmt.Errorf("secret: must have %d to %d bytes", minSecretLen, maxSecretLen)
	}
	return nil
}

// sign returns the value of webhook-signature.
func sign(secret, id, timestamp string, body []byte) string {
	key := []byte(secret)
	if encoded, ok := strings.CutPrefix(secret, secretPrefix); ok {
		if decoded, err := base64.StdEncoding.DecodeString(encoded); err == nil {
			key = decoded
		}
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return signatureVersion + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
