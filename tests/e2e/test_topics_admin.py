"""Topics on a real Kafka: made once, compared ever after."""

import time

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from service.adapters.kafka_client import client_options, started
from service.adapters.topics_admin import create_topics, delete_topics, describe_topics
from service.model.errors import Unavailable, WrongSetup
from service.model.topics import TOPICS
from service.settings import KafkaSettings
from tests.conftest import PARTITIONS
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka


async def test_creating_again_changes_nothing(kafka_settings):
    again = await create_topics(kafka_settings, partitions=PARTITIONS)
    assert [state.state for state in again] == ["there"] * len(TOPICS)
    assert again == await describe_topics(kafka_settings)
