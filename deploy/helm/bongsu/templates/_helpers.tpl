{{- define "bongsu.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* Labels that select the pods of a role: dict "root" $ "role" "worker" */}}
{{- define "bongsu.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{- define "bongsu.labels" -}}
{{ include "bongsu.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "bongsu.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* The secrets of a role, a list of {name, key}: dict "root" $ "role" "worker" */}}
{{- define "bongsu.secrets" -}}
{{- $keys := .root.Values.secretKeys }}
{{- if hasPrefix "SASL" .root.Values.kafka.securityProtocol }}
- {name: BONGSU_KAFKA_SASL_PASSWORD, key: {{ required "secretKeys.kafkaPassword: SASL wants it" $keys.kafkaPassword | quote }}}
{{- end }}
{{- if and .root.Values.existingSecret $keys.secretKey (has .role (list "worker" "dispatcher" "api" "history")) }}
- {name: BONGSU_SECRET_KEY, key: {{ $keys.secretKey | quote }}}
{{- end }}
{{- if and .root.Values.history.enabled (has .role (list "api" "history")) }}
- {name: BONGSU_HISTORY_URL, key: {{ required "secretKeys.historyUrl: the history wants it" $keys.historyUrl | quote }}}
{{- end }}
{{- end }}

{{/* Where a role reads its secrets: out of files or out of variables. */}}
{{- define "bongsu.secretEnv" -}}
{{- $root := .root }}
{{- range include "bongsu.secrets" . | fromYamlArray }}
{{- $secret := required (printf "existingSecret: name the secret that holds %s (README.md, Secrets)" .name) $root.Values.existingSecret }}
{{- if eq $root.Values.secretsAs "files" }}
- name: {{ .name }}_FILE
  value: /etc/bongsu/secrets/{{ .key }}
{{- else }}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: {{ .key }}
{{- end }}
{{- end }}
{{- end }}

{{/* Whether a role has secrets in files. */}}
{{- define "bongsu.secretFiles" -}}
{{- if and (eq .root.Values.secretsAs "files") (include "bongsu.secrets" . | fromYamlArray) }}yes{{ end }}
{{- end }}

{{/* Environment of a role. What may be set by a value of its own is refused in `settings`, or it would stand twice. */}}
{{- define "bongsu.env" -}}
{{- $kafka := .root.Values.kafka }}
{{- $tls := and $kafka.tls.existingSecret (hasSuffix "SSL" $kafka.securityProtocol) }}
- name: BONGSU_KAFKA_BOOTSTRAP_SERVERS
  value: {{ required "kafka.bootstrapServers: say where Kafka is, host:port" $kafka.bootstrapServers | quote }}
- name: BONGSU_KAFKA_REPLICATION_FACTOR
  value: {{ $kafka.replicationFactor | quote }}
- name: BONGSU_KAFKA_SECURITY_PROTOCOL
  value: {{ $kafka.securityProtocol | quote }}
{{- if $kafka.topicPrefix }}
- name: BONGSU_KAFKA_TOPIC_PREFIX
  value: {{ $kafka.topicPrefix | quote }}
{{- end }}
{{- if hasPrefix "SASL" $kafka.securityProtocol }}
- name: BONGSU_KAFKA_SASL_MECHANISM
  value: {{ $kafka.saslMechanism | quote }}
- name: BONGSU_KAFKA_SASL_USERNAME
  value: {{ required "kafka.saslUsername: SASL wants one" $kafka.saslUsername | quote }}
{{- end }}
{{- if and $tls $kafka.tls.ca }}
- name: BONGSU_KAFKA_SSL_CAFILE
  value: /etc/bongsu/kafka/ca.crt
{{- end }}
{{- if and $tls $kafka.tls.clientCertificate }}
- name: BONGSU_KAFKA_SSL_CERTFILE
  value: /etc/bongsu/kafka/tls.crt
- name: BONGSU_KAFKA_SSL_KEYFILE
  value: /etc/bongsu/kafka/tls.key
{{- end }}
- name: BONGSU_LOG_FORMAT
  value: json
{{- with include "bongsu.secretEnv" . | trim }}
{{ . }}
{{- end }}
{{- if eq .role "api" }}
- name: BONGSU_API_HOST
  value: 0.0.0.0
- name: BONGSU_API_PORT
  value: "8080"
{{- end }}
{{- range $name, $value := .root.Values.settings }}
{{- if or (has $name (list "DATA_DIR" "SECRET_KEY" "LOG_FORMAT" "HISTORY_URL" "HISTORY_URL_FILE" "API_HOST" "API_PORT")) (regexMatch "^KAFKA_(BOOTSTRAP_SERVERS|REPLICATION_FACTOR|SECURITY_PROTOCOL|TOPIC_PREFIX|SASL_.*|SSL_.*)$" $name) }}
{{- fail (printf "settings.%s: the chart sets it itself, see values.yaml" $name) }}
{{- end }}
- name: BONGSU_{{ $name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end }}

{{- define "bongsu.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "bongsu.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "bongsu.mounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: data, mountPath: /var/lib/bongsu}
{{- if .root.Values.kafka.tls.existingSecret }}
- {name: kafka-tls, mountPath: /etc/bongsu/kafka, readOnly: true}
{{- end }}
{{- if include "bongsu.secretFiles" . }}
- {name: secrets, mountPath: /etc/bongsu/secrets, readOnly: true}
{{- end }}
{{- end }}

{{/* Volumes but for the data. */}}
{{- define "bongsu.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- if .root.Values.kafka.tls.existingSecret }}
- name: kafka-tls
  secret:
    secretName: {{ .root.Values.kafka.tls.existingSecret }}
    defaultMode: 0440
{{- end }}
{{- if include "bongsu.secretFiles" . }}
- name: secrets
  secret:
    secretName: {{ .root.Values.existingSecret }}
    defaultMode: 0440   # root and the group of the pod
    items:
      {{- range include "bongsu.secrets" . | fromYamlArray }}
      - {key: {{ .key | quote }}, path: {{ .key | quote }}}
      {{- end }}
{{- end }}
{{- end }}

{{/* A pod of a role: dict "root" $ "role" "worker" "values" $.Values.worker "dataVolume" false */}}
{{- define "bongsu.pod" -}}
metadata:
  labels:
    {{- include "bongsu.labels" . | nindent 4 }}
spec:
  serviceAccountName: {{ include "bongsu.fullname" .root }}
  automountServiceAccountToken: false
  enableServiceLinks: false   # it would add variables that begin with BONGSU_, which Bongsu refuses
  # SIGTERM ends a role within 10 s.
  terminationGracePeriodSeconds: 20
  {{- with .root.Values.image.pullSecrets }}
  imagePullSecrets: {{ toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- include "bongsu.podSecurity" . | nindent 4 }}
  containers:
    - name: {{ .role }}
      image: {{ include "bongsu.image" .root | quote }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      args: [{{ .role }}, --metrics-port, {{ .root.Values.metricsPort | quote }}]
      env:
        {{- include "bongsu.env" . | nindent 8 }}
      ports:
        - {name: metrics, containerPort: {{ .root.Values.metricsPort }}}
        {{- if eq .role "api" }}
        - {name: http, containerPort: 8080}
        {{- end }}
      # /healthz answers while Kafka is away: a restart would not bring it back. /readyz says what is missing.
      startupProbe:
        httpGet: {path: /healthz, port: metrics}
        periodSeconds: 2
        failureThreshold: 30
      livenessProbe:
        httpGet: {path: /healthz, port: metrics}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /readyz, port: metrics}
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: 2
      resources:
        {{- toYaml .values.resources | nindent 8 }}
      securityContext:
        {{- include "bongsu.containerSecurity" . | nindent 8 }}
      volumeMounts:
        {{- include "bongsu.mounts" . | nindent 8 }}
  volumes:
    {{- include "bongsu.volumes" . | nindent 4 }}
    {{- if not .dataVolume }}
    - name: data
      emptyDir: {}
    {{- end }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "bongsu.selector" . | nindent 10 }}
  {{- with .values.nodeSelector }}
  nodeSelector: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .values.tolerations }}
  tolerations: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .values.affinity }}
  affinity: {{ toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* Whether something else than `replicas` decides how many there are: dict "root" $ "role" "worker" */}}
{{- define "bongsu.scaled" -}}
{{- $values := index .root.Values .role }}
{{- $keda := and .root.Values.keda.enabled (has .role (list "worker" "dispatcher")) }}
{{- $hpa := and $values.autoscaling $values.autoscaling.enabled }}
{{- if and $keda $hpa }}{{ fail (printf "keda.enabled and %s.autoscaling.enabled: two would scale one role; choose" .role) }}{{ end }}
{{- if or $keda $hpa }}yes{{ end }}
{{- end }}

{{/* Roles that are installed, comma-separated. */}}
{{- define "bongsu.roles" -}}
worker,dispatcher
{{- range list "audit" "api" "history" }}{{ if (index $.Values .).enabled }},{{ . }}{{ end }}{{ end }}
{{- end }}
