#!/bin/bash
# Runs a class of the server, with the memory that KAFKA_HEAP_OPTS gives it, as the distribution's own script does.
exec java ${KAFKA_HEAP_OPTS:--Xms1G -Xmx1G} $KAFKA_OPTS -Djava.awt.headless=true \
  -Dlog4j2.configurationFile=/opt/kafka/config/log4j2.properties -cp '/opt/kafka/libs/*' "$@"
