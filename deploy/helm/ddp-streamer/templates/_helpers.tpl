{{- define "ddp-streamer.name" -}}
{{- $name := .Release.Name -}}
{{- if not (contains .Chart.Name .Release.Name) }}{{ $name = printf "%s-%s" .Release.Name .Chart.Name }}{{ end -}}
{{- $name | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "ddp-streamer.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "ddp-streamer.labels" -}}
{{ include "ddp-streamer.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "ddp-streamer.image" -}}
{{- if not .Values.image.repository -}}
{{- fail "image.repository: push the image to a registry of your own, and name it here (it is published nowhere)" -}}
{{- end -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{ .Values.image.repository }}{{ if hasPrefix "sha256:" $tag }}@{{ else }}:{{ end }}{{ $tag }}
{{- end }}

{{/* Proxies whose X-Forwarded-For is believed. */}}
{{- define "ddp-streamer.forwarded" -}}
{{- if not (kindIs "invalid" .Values.forwardedCount) -}}
{{ .Values.forwardedCount | int }}
{{- else if eq .Values.service.type "ClusterIP" -}}
1
{{- else -}}
{{- fail (printf "forwardedCount: how many proxies stand in front of a Service of type %s (0 for none)? What they say of a client's address is believed" .Values.service.type) -}}
{{- end -}}
{{- end }}

{{/* Refuses a variable that the chart sets: the last of two would win, and ports, probes and the time of a stop are made of its values. */}}
{{- define "ddp-streamer.further" -}}
{{- $own := dict
  "TRANSPORTER" "nats" "MONGO_URL" "mongodb" "INSTANCE_IP" "the pod's address" "PORT" "3000, and service.port"
  "MAX_CONCURRENT_CONNECTIONS" "maxConnections" "HTTP_FORWARDED_COUNT" "forwardedCount" "SHUTDOWN_GRACE" "shutdownGrace"
  "MS_METRICS" "metrics.enabled" "MS_METRICS_PORT" "9458" "ENABLE_TLS" "tls.existingSecret"
  "TLS_CERT_PATH" "tls.existingSecret" "TLS_KEY_PATH" "tls.existingSecret" -}}
{{- with get $own . -}}
{{- fail (printf "%s cannot stand in env or extraEnv: the chart sets it (%s)" $ .) -}}
{{- end -}}
{{ . }}
{{- end }}

{{/* The Secret and key that an address is in. */}}
{{- define "ddp-streamer.from" -}}
secretKeyRef:
  name: {{ .address.existingSecret | default (include "ddp-streamer.name" .context) }}
  key: {{ .address.key }}
{{- end }}
