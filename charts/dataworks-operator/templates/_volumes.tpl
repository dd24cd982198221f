{{/* Files that the operator reads: name of the volume, its source and where it is mounted. */}}
{{- define "dataworks-operator.mountFolder" -}}/etc/dataworks-operator{{- end }}
{{- define "dataworks-operator.rrsaFolder" -}}/var/run/secrets/ack.alibabacloud.com/rrsa-tokens{{- end }}

{{- define "dataworks-operator.volumes" -}}
{{- $v := .Values -}}
- name: logs
  configMap:
    name: {{ include "dataworks-operator.fullname" . }}-logs
{{- with $v.caBundle.configMap }}
{{- if .name }}
- name: ca-bundle
  configMap:
    name: {{ .name }}
    items:
      - key: {{ .key | quote }}
        path: ca.crt
{{- end }}
{{- end }}
{{- with $v.caBundle.secret }}
{{- if .name }}
- name: ca-bundle
  secret:
    secretName: {{ .name }}
    items:
      - key: {{ .key | quote }}
        path: ca.crt
{{- end }}
{{- end }}
{{- with $v.rrsa.manual }}
{{- if .enabled }}
- name: rrsa-token
  projected:
    sources:
      - serviceAccountToken:
          audience: {{ .audience | quote }}
          expirationSeconds: {{ int64 .expirationSeconds }}
          path: token
{{- end }}
{{- end }}
{{- with $v.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "dataworks-operator.volumeMounts" -}}
{{- $v := .Values -}}
{{- /* The folder, not the file in it (subPath): only then a change of the ConfigMap arrives. */ -}}
- name: logs
  mountPath: {{ include "dataworks-operator.mountFolder" . }}/logs
  readOnly: true
{{- if or $v.caBundle.configMap.name $v.caBundle.secret.name }}
- name: ca-bundle
  mountPath: {{ include "dataworks-operator.mountFolder" . }}/ca
  readOnly: true
{{- end }}
{{- if $v.rrsa.manual.enabled }}
- name: rrsa-token
  mountPath: {{ include "dataworks-operator.rrsaFolder" . }}
  readOnly: true
{{- end }}
{{- with $v.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}
