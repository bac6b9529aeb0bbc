/* Packets to bytes and back; wire.h says how. */
#include "wire.h"

#define HEAD 2u
#define CRC_BYTES 4u

/* One entry for each half byte: 64 bytes of table, two steps for a byte. */
static const uint32_t CRC_TABLE[16] = {
    0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u, 0x4DB26158u, 0x5005713Cu,
    0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu, 0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu,
};

uint32_t hs_crc32(const uint8_t *data, size_t length)
{
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < length; i++) {
        crc ^= data[i];
        crc = (crc >> 4) ^ CRC_TABLE[crc & 15u];
        crc = (crc >> 4) ^ CRC_TABLE[crc & 15u];
    }
    return ~crc;
}

/* The body without zeros, one byte longer, and the zero that ends it. */
static size_t cobs(const uint8_t *body, size_t length, uint8_t *line)
{
    size_t code_at = 0, at = 1;
    for (size_t i = 0; i < length; i++) {
        if (body[i] == 0u) {
            line[code_at] = (uint8_t)(at - code_at);
            code_at = at++;
        } else {
            line[at++] = body[i];
        }
    }
    line[code_at] = (uint8_t)(at - code_at);
    line[at++] = 0u;
    return at;
}

/* Undoes it in `body`; the bytes of the body, or 0 when a code byte points beyond the end. */
static size_t uncobs(const uint8_t *encoded, size_t length, uint8_t *body)
{
    size_t at = 0, out = 0;
    while (at < length) {
        const size_t end = at + encoded[at];
        if (end > length) {
            return 0;
        }
        if (at > 0u) {
            body[out++] = 0u;
        }
        for (at++; at < end; at++) {
            body[out++] = encoded[at];
        }
    }
    return out;
}

size_t hs_encode(const hs_packet *packet, uint8_t *line)
{
    uint8_t body[HS_BODY_MAX];
    const size_t length = HEAD + (size_t)packet->length;
    body[0] = packet->kind;
    body[1] = packet->number;
    for (size_t i = HEAD; i < length; i++) {
        body[i] = packet->payload[i - HEAD];
    }
    const uint32_t crc = hs_crc32(body, length);
    for (size_t i = 0; i < CRC_BYTES; i++) {
        body[length + i] = (uint8_t)(crc >> (8u * i));
    }
    return cobs(body, length + CRC_BYTES, line);
}

void hs_decoder_init(hs_decoder *decoder)
{
    decoder->length = 0;
    decoder->skipping = false;
    decoder->overlong = decoder->malformed = decoder->crc_errors = 0;
}

static bool crc_holds(const uint8_t *body, size_t length)
{
    uint32_t sent = 0;
    for (size_t i = 0; i < CRC_BYTES; i++) {
        sent |= (uint32_t)body[length - CRC_BYTES + i] << (8u * i);
    }
    return sent == hs_crc32(body, length - CRC_BYTES);
}

/* Makes a packet of what is held. */
static bool finish(hs_decoder *decoder, hs_packet *packet)
{
    uint8_t body[HS_ENCODED_MAX];
    const size_t length = uncobs(decoder->held, decoder->length, body);
    if (length < HS_BODY_MIN) {
        decoder->malformed++;
        return false;
    }
    if (!crc_holds(body, length)) {
        decoder->crc_errors++;
        return false;
    }
    packet->kind = body[0];
    packet->number = body[1];
    packet->length = (uint8_t)(length - HEAD - CRC_BYTES);
    for (size_t i = 0; i < packet->length; i++) {
        packet->payload[i] = body[HEAD + i];
    }
    return true;
}

bool hs_decode(hs_decoder *decoder, uint8_t byte, hs_packet *packet)
{
    bool complete = false;
    if (byte == 0u) {
        complete = !decoder->skipping && decoder->length > 0u && finish(decoder, packet);
        decoder->length = 0;
        decoder->skipping = false;
    } else if (decoder->length == HS_ENCODED_MAX) {
        decoder->overlong++;
        decoder->length = 0;
        decoder->skipping = true;
    } else if (!decoder->skipping) {
        decoder->held[decoder->length++] = byte;
    }
    return complete;
}
